//! Digests of each case for each of `SEEDS`; `tests/golden.rs` prints this file.

/// Name of a case, and its digests in the order of `SEEDS`.
pub const DIGESTS: &[(&str, [u64; 3])] = &[
    (
        "exponential/f32",
        [0xb4beb5f43e3ed0d5, 0x5867cd33650c5d90, 0x9b5d9ea79b5d2e3a],
    ),
    (
        "soft_plus/f32",
        [0xed2297038f438fc5, 0xc36111e4baa9a2a1, 0x101033deb1ac8a64],
    ),
    (
        "logistic/f32",
        [0x62547330b0ac6c85, 0xc7f3e564c4ca4af9, 0x909e489079e90558],
    ),
    (
        "fma/f32",
        [0x284a002ac1b534e1, 0xb70d233ef765dfdb, 0x4f92e97c57984f7e],
    ),
    (
        "round_product/f32",
        [0xe1c37d4d32e2af3e, 0x368a338bbed25579, 0x0e7d050ee211cdb4],
    ),
    (
        "exponential_subnormal/f32",
        [0x033b5d26c195987d, 0x0a0d43251d7cb21c, 0xdde30b7c9e972a69],
    ),
    (
        "logistic_subnormal/f32",
        [0xb39f77758891c2fc, 0x55af66cfdec5c36f, 0xd32bf0158cf68680],
    ),
    (
        "product_subnormal/f32",
        [0x4df648893fd3c6ba, 0xc22f3b051ff49b51, 0x99176b1e4768af58],
    ),
    (
        "quotient_subnormal/f32",
        [0xaea6aeb154862f47, 0x701b3d6c99552572, 0x74764853293fce13],
    ),
    (
        "fma_chain_subnormal/f32",
        [0xb75986e9dcec5b59, 0xeaf975ff54f7c941, 0xe272cecd11188e18],
    ),
    (
        "special/f32",
        [0xe315ac1ada777453, 0x8f1e94e0be2fea53, 0xcf858b1060cad45f],
    ),
    (
        "mulhi/fixed",
        [0xca2747e7d62e5ea0, 0x4fdb9bd9b30a84ce, 0xf653bfd5782d3846],
    ),
    (
        "requantise/fixed",
        [0x743b52f71d9d6a66, 0x828d354c8a0c3a4e, 0x1f43115b211b73f2],
    ),
    (
        "exp2_neg/fixed",
        [0xf4660becedd63046, 0x0b1f947880762aac, 0x7d62361a6dd9ea70],
    ),
    (
        "logistic/fixed",
        [0xae633ea59eb47b1e, 0x38e626362a76bbe5, 0xb4181a60381b325a],
    ),
    (
        "soft_plus/fixed",
        [0x67b512b3a24d579d, 0xcf5ed666e2ae1ffd, 0xc50b95e0955f79c4],
    ),
    (
        "decay/fixed",
        [0x68f314e7659df5b4, 0x5c86ab29a79010e0, 0x5143453516902957],
    ),
    (
        "reciprocal_sqrt/fixed",
        [0xa2ae4f5953374110, 0x5346ef7e5ec7c609, 0x8f2d9b97dc1bcc9c],
    ),
    (
        "saturate/fixed",
        [0xdf04f2ffb3568ff0, 0xe086b2f55b228dcd, 0xb17177b184bc142a],
    ),
    (
        "norm/f32",
        [0x0f423cec051b3c71, 0xe38897391bdcbbfd, 0x632428b567f33351],
    ),
    (
        "norm/fixed",
        [0x9e5dd2ff6eabf7e1, 0xe34ec6abf9c58721, 0xcb02755e5170982b],
    ),
    (
        "sum/f32",
        [0x3e659a604d8a86a1, 0xcc5b64d2fbfa6aef, 0xa3b77bd216db60cf],
    ),
    (
        "sum/fixed",
        [0xbf29675cced68126, 0x30734d5cc98291b1, 0xca71f6901089eab5],
    ),
    (
        "conv1d/f32",
        [0xc200fa14dc7620c0, 0xb9de84a78a330183, 0x6e14cc8e4e95a367],
    ),
    (
        "conv1d/w8a16",
        [0x52b5994713c95315, 0xf8eabf8d8276a301, 0x3de253da79c55242],
    ),
    (
        "conv1d/w8a8",
        [0xb4a3c6b08471a426, 0x39f3fa8f6b5dc8a9, 0x80ac9d712030f442],
    ),
    (
        "scan_full/f32",
        [0xc173c90d641b26b4, 0xaa3ef21c72aa68a4, 0x29153a95bb126faa],
    ),
    (
        "scan_full/w8a16",
        [0xf26fcd6630cd23c6, 0x8188e3e6c1790be0, 0xf4da68eb510f7df0],
    ),
    (
        "scan_full/w8a8",
        [0x6713428b7c32e912, 0x5dc4d3be5a2cea8e, 0x9fa5510ab77f7be7],
    ),
    (
        "scan_tied/f32",
        [0x2880abd4f0ebe914, 0xd183333048ad7743, 0x38e75c26683120b8],
    ),
    (
        "scan_tied/w8a16",
        [0x4ddd50cbbaeee7a0, 0x7962aa579f61eb82, 0x79e0820989e3a150],
    ),
    (
        "scan_tied/w8a8",
        [0x560083b18b5f5f9b, 0x198d24dca5782b8f, 0xecc711e7d6f816f2],
    ),
    (
        "gate/f32",
        [0x26d48bfebed20a61, 0xe1518094cd55ca08, 0x58756569dd3d9f48],
    ),
    (
        "gate/w8a16",
        [0xf5efd1d2005f8fb7, 0xb446630310442fb8, 0x4ab35561e74afb33],
    ),
    (
        "gate/w8a8",
        [0xc6ff8d858bcb7dc3, 0x0b41fa4105135da3, 0x7a76574497286678],
    ),
    (
        "linear_dense/f32",
        [0xd1f6cc9ec588977a, 0x3c85336e71a5ee39, 0xf9457439e0e3a0ae],
    ),
    (
        "linear_dense/w8a16",
        [0x1e33d85f323d2581, 0x7f983e69953353f6, 0x0e5df99b9faed6ef],
    ),
    (
        "linear_dense/w8a8",
        [0x1efa5c4bcdc9cbd1, 0x9c34940983674eef, 0xfe6bacd33fa7ae01],
    ),
    (
        "linear_low_rank/f32",
        [0x82a955cd1cd40b83, 0x6bbb76df6cc24edd, 0xe35bdfed78f22453],
    ),
    (
        "linear_low_rank/w8a16",
        [0x8fe6a9030a95ef91, 0x559c50bc8413a496, 0x15f7de6ce3be2bf3],
    ),
    (
        "linear_low_rank/w8a8",
        [0x9820b4a3ab88ff93, 0xc580ff0a3053dd77, 0xc8f505fde9ca25fc],
    ),
    (
        "linear_identity_rows/f32",
        [0x020db9d1df969151, 0x200820a4e386c1a4, 0x01abbef6f5eeb14b],
    ),
    (
        "linear_identity_rows/w8a16",
        [0xa22cdc37ebc191c8, 0x49ca0b80acee858f, 0x874ee05bb58f7929],
    ),
    (
        "linear_identity_rows/w8a8",
        [0x2920e1e4ffdfa5fd, 0xe7c541e4da436938, 0x0b87529cc16ad3cf],
    ),
    (
        "conv3x3_dense/f32",
        [0x325133e97198c4f4, 0xec1adb78be051163, 0x80190aa1bcd590d0],
    ),
    (
        "conv3x3_dense/w8a16",
        [0x9873020008d5ee7b, 0x02b2ea07c770ea48, 0x7f4ace19a46b307f],
    ),
    (
        "conv3x3_dense/w8a8",
        [0x4116a92e483d2441, 0xb23e0c2f289314a5, 0x2e8a6e8340dfc09b],
    ),
    (
        "conv3x3_low_rank/f32",
        [0x303784a7b3cbae79, 0x6e7881d14c1e1386, 0x3575f8507e922fa0],
    ),
    (
        "conv3x3_low_rank/w8a16",
        [0x8d224ae5bfb9def3, 0x851c3bbfceb6f93b, 0x9844f49f0514d181],
    ),
    (
        "conv3x3_low_rank/w8a8",
        [0x1bac1eda25c78ad6, 0x22ff0e384aff75e6, 0xa1e1d3b3989e19c9],
    ),
    (
        "conv3x3_identity_rows/f32",
        [0x052217e6a2afcb34, 0x16fabf00839231e0, 0x5b943d54b3658b8b],
    ),
    (
        "conv3x3_identity_rows/w8a16",
        [0x0a061dfa5ed71d76, 0x99ae08c4a49a9b34, 0x466a0b4c4ec97766],
    ),
    (
        "conv3x3_identity_rows/w8a8",
        [0x672b84da439909a2, 0x3f815e592c84aa3f, 0x30c690f8c79c3950],
    ),
    (
        "norm_fine/fixed",
        [0x173fd71574748f0b, 0x970d4a678970eebe, 0x55f346e1a88d7a8e],
    ),
    (
        "scan_fine/w8a16",
        [0xcc917a20863724c2, 0x9239c75cc50abf23, 0x7a0d1c76e37b03be],
    ),
    (
        "scan_fine/w8a8",
        [0xe6bdc37a689b7108, 0x551eca1c1081a879, 0x3d759a66ff480c6e],
    ),
    (
        "sum_fine/fixed",
        [0x8137fd96fe393059, 0xe9a2476d52679a48, 0xd0e238c3bc32bac8],
    ),
    (
        "linear_binary/f32",
        [0x183d1f9b6d228445, 0x333aefb4b8e28445, 0x89123770a1e28445],
    ),
    (
        "conv3x3_binary/f32",
        [0xddc747977f6d3c7f, 0x1b58646bf34d3c7f, 0xa3a5a280309d3c7f],
    ),
    (
        "linear_extreme/w8a16",
        [0x27d9ab5d0dcf4c55, 0x7089515da2d3e921, 0x9c87a2390e47c705],
    ),
    (
        "linear_extreme/w8a8",
        [0xf2e064142969c3d5, 0x97653b3954922c3d, 0x0ab8d73aacc7dfa9],
    ),
    (
        "conv3x3_extreme/w8a16",
        [0x22c269ebb51cf24d, 0x3f5a3abd10c0f73b, 0x228f8fbcd79098f9],
    ),
    (
        "conv3x3_extreme/w8a8",
        [0xde4f8c9a2d8430ef, 0xefa74d167042ad89, 0x04fd0448879ed57a],
    ),
    (
        "linear_tail/f32",
        [0xd8341d79b1362b42, 0x501657be0567c70a, 0x54375a7c65531112],
    ),
    (
        "linear_tail/w8a16",
        [0xf2670766740755b2, 0x7ca650f3040133e8, 0x65d9746dd03ad5ab],
    ),
    (
        "linear_tail/w8a8",
        [0x19009b6f68c9ad98, 0xa0e7b92630c0946f, 0xa31547fafc86f99f],
    ),
    (
        "norm_tail/f32",
        [0x8c47f43a5383063b, 0x2765a03d9eeb15ef, 0x20029ee912fdf531],
    ),
    (
        "norm_tail/fixed",
        [0x2487e33d5e68e9af, 0x383773efdec789f6, 0x8fd7189ccede1005],
    ),
    (
        "sum_tail/f32",
        [0xdaa6d63e11b0d391, 0x42b3abf4be760602, 0x597921f09d3d2ca4],
    ),
    (
        "sum_tail/fixed",
        [0x21899cfcc3467ae7, 0xd4a965a903596599, 0x00e97a2ce11788f5],
    ),
    (
        "conv1d_tail/f32",
        [0x0162fde03899d220, 0xe139b4cbf323742a, 0xf8b159c3eb9dea1b],
    ),
    (
        "conv1d_tail/w8a16",
        [0x8762fef9fe4bbd54, 0xc892add138594974, 0xca50df46cc55f690],
    ),
    (
        "conv1d_tail/w8a8",
        [0xca0d0f4c649e52fe, 0x7a729bd2b249c3fe, 0xfe3dffa07806e47a],
    ),
    (
        "scan_tail/f32",
        [0x5e515e6a96331e50, 0xe7e2cdd651628975, 0x80bf3a429c814a38],
    ),
    (
        "scan_tail/w8a16",
        [0x20305403947dd78f, 0x716594e57614b438, 0x900c65ade27e654a],
    ),
    (
        "scan_tail/w8a8",
        [0xc043f8965870d3a2, 0xf841982d1b56da65, 0xb9f5e6a0bb0e3fee],
    ),
    (
        "gate_tail/f32",
        [0xb5c4652ec3c563a5, 0xde2657dd79c03ef6, 0xa7a6befda0cbd24a],
    ),
    (
        "gate_tail/w8a16",
        [0x816ace0c5d9ff3f2, 0x7cae29d92d35c6f6, 0xe79842d94e1bb962],
    ),
    (
        "gate_tail/w8a8",
        [0x98f52c8f3e066eeb, 0x48ef3681e75a35c6, 0x198dca5c93775169],
    ),
];
