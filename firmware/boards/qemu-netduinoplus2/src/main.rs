//! Firmware of the virtual board `qemu-netduinoplus2` (STM32F405, Cortex-M4F).

#![no_std]
#![no_main]

use mambalite_firmware_stm32::{Pin, Stm32, Wiring, receive};
use stm32_metapac::{GPIOA, Interrupt, RCC, USART1, USART2, interrupt};

fn start() -> Stm32<{ facts::CLOCK_HZ }> {
    RCC.ahb1enr().modify(|w| w.set_gpioaen(true));
    RCC.apb1enr().modify(|w| w.set_usart2en(true));
    RCC.apb2enr().modify(|w| w.set_usart1en(true));
    Stm32::start(Wiring {
        usart: USART1,
        interrupt: Interrupt::USART1,
        usart_hz: facts::CLOCK_HZ,
        pins: [Pin(GPIOA, 9), Pin(GPIOA, 10)],
        function: 7,
        gate: Pin(GPIOA, 5),
        log: Some(USART2),
        // QEMU has no memory where the chip has its number.
        uid: || [0; 16],
    })
}

#[interrupt]
fn USART1() {
    receive();
}

mambalite_firmware_bare::board!(start());
