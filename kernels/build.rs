//! Tells the crate whether `core`'s fused multiply-add may be used (`cfg(vfma)`): on the Cortex-M
//! targets with the hard-float ABI (FPv4-SP, FPv5), whose every core has the instruction, and on
//! NVIDIA's GPUs; and
//! whether cores of the target may have Helium (`cfg(mve)`), which the crate then looks for when it
//! runs.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-check-cfg=cfg(vfma)");
    println!("cargo::rustc-check-cfg=cfg(mve)");
    let target = std::env::var("TARGET").unwrap_or_default();
    let has_fpu = target.ends_with("eabihf");
    if has_fpu && (target.starts_with("thumbv8m.main") || target.starts_with("thumbv8.1m.main")) {
        println!("cargo::rustc-cfg=mve");
    }
    // `core::f32::math` is not stable yet: builds of the standard library's source may use it,
    // others take the same bits from libm.
    println!("cargo::rerun-if-env-changed=RUSTC_BOOTSTRAP");
    let unstable = std::env::var("RUSTC_BOOTSTRAP").is_ok_and(|v| v == "1");
    let cortex =
        has_fpu && (target.starts_with("thumbv7em") || target.starts_with("thumbv8m.main"));
    if unstable && (cortex || target.starts_with("nvptx64")) {
        println!("cargo::rustc-cfg=vfma");
    }
}
