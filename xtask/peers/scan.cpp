// The sequence part of a mixer as compiled loops, for the PyTorch side of `cargo xtask bench peers`.
//
// Two kernels in the manner of the CUDA kernels that Mamba comes with: the causal depthwise
// convolution with SiLU, and the selective scan with everything that touches its tensors fused in
// (step-size projection, softplus, discretisation, skip, gate). No tensor of shape [L, E, N] exists:
// the states of 16 channels stay in registers. Vectors run across channels; threads take channels
// in the scan and tokens in the convolution.

#include <cstring>
#include <vector>

#include <omp.h>
#if defined(__AVX512F__)
#include <immintrin.h>
#endif

namespace {

constexpr long LANES = 16;
constexpr long TOKENS = 64;   // Tokens whose vectors are prepared at a time; they stay in L1.

typedef float Vector __attribute__((vector_size(LANES * sizeof(float))));
typedef int Integers __attribute__((vector_size(LANES * sizeof(int))));

inline Vector splat(float value) { return value - Vector{}; }

// Loads the first lanes of a vector; the others are 0.
inline Vector load_part(const float *from, long lanes) {
#if defined(__AVX512F__)
    return (Vector)_mm512_maskz_loadu_ps((__mmask16)((1u << lanes) - 1), from);
#else
    Vector value{};
    if (lanes == LANES) std::memcpy(&value, from, sizeof value);
    else std::memcpy(&value, from, lanes * sizeof(float));
    return value;
#endif
}

inline void store_part(float *to, Vector value, long lanes) {
#if defined(__AVX512F__)
    _mm512_mask_storeu_ps(to, (__mmask16)((1u << lanes) - 1), (__m512)value);
#else
    if (lanes == LANES) std::memcpy(to, &value, sizeof value);
    else std::memcpy(to, &value, lanes * sizeof(float));
#endif
}

inline Vector maximum(Vector a, Vector b) { return a > b ? a : b; }

// 2^x on [-1/2, 1/2], degree 5, relative error 1.1e-7 (minimax by Lawson's iterations). The constant
// term is exactly 1: an error near 1 would add up over thousands of tokens.
inline Vector exp2_poly(Vector f) {
    Vector p = splat(1.32647087e-3f);
    p = p * f + 9.67151113e-3f;
    p = p * f + 5.55073395e-2f;
    p = p * f + 2.40222424e-1f;
    p = p * f + 6.93147004e-1f;
    return p * f + 1.0f;
}

inline Vector exp2(Vector x) {
#if defined(__AVX512F__)
    Vector whole = (Vector)_mm512_roundscale_ps((__m512)x, 8);
    return (Vector)_mm512_scalef_ps((__m512)exp2_poly(x - whole), (__m512)whole);
#else
    x = maximum(x, splat(-126.0f));
    const Vector shift = splat(12582912.0f);  // 1.5 * 2^23: rounds to a whole number.
    Vector shifted = x + shift;
    Vector p = exp2_poly(x - (shifted - shift));
    return (Vector)((Integers)p + ((Integers)shifted << 23));
#endif
}

constexpr float LOG2E = 1.4426950408889634f;

inline Vector silu(Vector x) {
    // Below -87 the result is -0 for all that follows; the bound keeps 2^x finite.
    Vector t = exp2(-LOG2E * maximum(x, splat(-87.0f)));
    return x / (1.0f + t);
}

inline Vector softplus(Vector x) {
    Vector size = x > 0.0f ? x : -x;
    Vector t = exp2(-LOG2E * size);
    // log(1 + t) = 2 artanh(t / (2 + t)).
    Vector s = t / (2.0f + t), q = s * s;
    Vector p = splat(2.0f / 13);
    p = p * q + 2.0f / 11;
    p = p * q + 2.0f / 9;
    p = p * q + 2.0f / 7;
    p = p * q + 2.0f / 5;
    p = p * q + 2.0f / 3;
    p = p * q + 2.0f;
    return maximum(x, Vector{}) + p * s;
}

struct Scan {
    const float *u;        // [L, E]
    const float *xz;       // [L, 2 E]: the second half is the gate.
    const float *dbl;      // [L, R + 2 N]
    const float *dt;       // [R, E]
    const float *bias;     // [E]
    const float *rates;    // [N, E], log2(e) times A; a single row if tied.
    const float *skip;     // [E]
    float *out;            // [L, E]
    long length, inner, rank, states;
};

// Asks for the rows of the tokens after a chunk: their stride defeats the hardware's prefetching.
inline void prefetch(const Scan &s, long first, long channel) {
    const long end = first + TOKENS < s.length ? first + TOKENS : s.length;
    for (long t = first; t < end; t++) {
        __builtin_prefetch(s.u + t * s.inner + channel);
        __builtin_prefetch(s.xz + (2 * t + 1) * s.inner + channel);
        __builtin_prefetch(s.out + t * s.inner + channel, 1);
    }
}

// Computes the vectors of the tokens that do not depend on the states.
inline void prepare(const Scan &s, long first, long count, long channel, long lanes, Vector *dt,
                    Vector *input) {
    const long width = s.rank + 2 * s.states;
    const Vector bias = load_part(s.bias + channel, lanes);
    for (long t = 0; t < count; t++) {
        const float *row = s.dbl + (first + t) * width;
        Vector sum = bias;
        for (long r = 0; r < s.rank; r++)
            sum = row[r] * load_part(s.dt + r * s.inner + channel, lanes) + sum;
        dt[t] = softplus(sum);
        input[t] = load_part(s.u + (first + t) * s.inner + channel, lanes);
    }
}

inline void finish(const Scan &s, long first, long count, long channel, long lanes,
                   const Vector *input, const Vector *sums) {
    const Vector skip = load_part(s.skip + channel, lanes);
    for (long t = 0; t < count; t++) {
        const float *gate = s.xz + (first + t) * 2 * s.inner + s.inner + channel;
        Vector y = skip * input[t] + sums[t];
        store_part(s.out + (first + t) * s.inner + channel, y * silu(load_part(gate, lanes)), lanes);
    }
}

// Runs a chunk of tokens for 16 channels, `N` of their states at a time, which fit the registers.
template <int N, bool TIED>
void scan_chunk(const Scan &s, long first, long channel, Vector *states) {
    const long lanes = s.inner - channel < LANES ? s.inner - channel : LANES;
    const long width = s.rank + 2 * s.states;
    const long count = s.length - first < TOKENS ? s.length - first : TOKENS;
    Vector dt[TOKENS], input[TOKENS], sums[TOKENS];
    prefetch(s, first + TOKENS, channel);
    prepare(s, first, count, channel, lanes, dt, input);
    for (long t = 0; t < count; t++) sums[t] = Vector{};
    for (long part = 0; part < s.states; part += N) {
        Vector h[N], rates[N];
        for (int n = 0; n < N; n++) {
            h[n] = states[part + n];
            rates[n] = load_part(s.rates + (TIED ? 0 : part + n) * s.inner + channel, lanes);
        }
        for (long t = 0; t < count; t++) {
            const float *b = s.dbl + (first + t) * width + s.rank + part, *c = b + s.states;
            const Vector step = dt[t], moved = step * input[t];
            Vector even = sums[t], odd{}, once, decay;
            if (TIED) {
                once = exp2(step * rates[0]);
                decay = part == 0 ? splat(1.0f) : exp2(step * rates[0] * (float)part);
            }
#pragma GCC unroll 16
            for (int n = 0; n < N; n++) {
                decay = TIED ? decay * once : exp2(step * rates[n]);
                h[n] = decay * h[n] + moved * b[n];
                (n % 2 ? odd : even) = h[n] * c[n] + (n % 2 ? odd : even);
            }
            sums[t] = even + odd;
        }
        for (int n = 0; n < N; n++) states[part + n] = h[n];
    }
    finish(s, first, count, channel, lanes, input, sums);
}

// Runs all tokens; each thread has its channels, and takes them chunk by chunk through the caches.
template <int N, bool TIED>
void scan_all(const Scan &s) {
    const long groups = (s.inner + LANES - 1) / LANES;
#pragma omp parallel
    {
        const long threads = omp_get_num_threads(), thread = omp_get_thread_num();
        const long begin = groups * thread / threads, end = groups * (thread + 1) / threads;
        std::vector<Vector> states((end - begin) * s.states);
        for (long first = 0; first < s.length; first += TOKENS)
            for (long group = begin; group < end; group++)
                scan_chunk<N, TIED>(s, first, group * LANES,
                                    states.data() + (group - begin) * s.states);
    }
}

template <int N>
void scan_parts(const Scan &s, bool tied) {
    tied ? scan_all<N, true>(s) : scan_all<N, false>(s);
}

}  // namespace

extern "C" {

// Selective scan with its surroundings, for any number of states.
void selective_scan(const float *u, const float *xz, const float *dbl, const float *dt,
                    const float *bias, const float *rates, const float *skip, float *out,
                    long length, long inner, long rank, long states, int tied) {
    const Scan s{u, xz, dbl, dt, bias, rates, skip, out, length, inner, rank, states};
    if (states % 16 == 0) scan_parts<16>(s, tied);
    else if (states % 8 == 0) scan_parts<8>(s, tied);
    else if (states % 4 == 0) scan_parts<4>(s, tied);
    else scan_parts<1>(s, tied);
}

// Causal depthwise convolution with 4 taps, then SiLU.
//
// xz: [L, 2 E], of which the first half is taken. taps: [4, E]. bias: [E]. out: [L, E].
void causal_conv1d(const float *xz, const float *taps, const float *bias, float *out, long length,
                   long inner) {
#pragma omp parallel for schedule(static)
    for (long first = 0; first < length; first += TOKENS) {
        const long end = first + TOKENS < length ? first + TOKENS : length;
        for (long channel = 0; channel < inner; channel += LANES) {
            const long lanes = inner - channel < LANES ? inner - channel : LANES;
            Vector tap[4];
            for (long k = 0; k < 4; k++) tap[k] = load_part(taps + k * inner + channel, lanes);
            const Vector start = load_part(bias + channel, lanes);
            for (long t = first; t < end; t++) {
                Vector sum = start;
                for (long k = t < 3 ? 3 - t : 0; k < 4; k++)
                    sum = tap[k] * load_part(xz + (t + k - 3) * 2 * inner + channel, lanes) + sum;
                store_part(out + t * inner + channel, silu(sum), lanes);
            }
        }
    }
}

}  // extern "C"
