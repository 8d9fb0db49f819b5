//! What the start-up code of `riscv` saves of a trap.

use mambalite_firmware_riscv::Trap;

use crate::fault::log_stack;

/// Logs the registers, the reason and the stack of a trap.
pub fn log_fault(trap: &Trap) {
    let [ra, sp, gp, tp] = trap.pointers;
    let [t0, t1, t2, t3, t4, t5, t6] = trap.temporaries;
    let [a0, a1, a2, a3, a4, a5, a6, a7] = trap.arguments;
    defmt::error!(
        "fault regs ra={=u32:#010x} sp={=u32:#010x} gp={=u32:#010x} tp={=u32:#010x} \
         t0={=u32:#010x} t1={=u32:#010x} t2={=u32:#010x} t3={=u32:#010x} t4={=u32:#010x} \
         t5={=u32:#010x} t6={=u32:#010x} a0={=u32:#010x} a1={=u32:#010x} a2={=u32:#010x} \
         a3={=u32:#010x} a4={=u32:#010x} a5={=u32:#010x} a6={=u32:#010x} a7={=u32:#010x}",
        ra,
        sp,
        gp,
        tp,
        t0,
        t1,
        t2,
        t3,
        t4,
        t5,
        t6,
        a0,
        a1,
        a2,
        a3,
        a4,
        a5,
        a6,
        a7
    );
    defmt::error!(
        "fault status mcause={=u32:#010x} mepc={=u32:#010x} mtval={=u32:#010x}",
        trap.cause,
        trap.place,
        trap.value
    );
    log_stack(sp);
}
