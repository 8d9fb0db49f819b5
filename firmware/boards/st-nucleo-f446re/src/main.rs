//! Firmware of the board `st-nucleo-f446re` (STM32F446RE, Cortex-M4F).

#![no_std]
#![no_main]

use mambalite_firmware_stm32::{Pin, Stm32, Wiring, clock, receive, uid};
use stm32_metapac::{GPIOA, Interrupt, RCC, USART2, interrupt};

fn start() -> Stm32<{ facts::CLOCK_HZ }> {
    clock::start_180_mhz();
    RCC.ahb1enr().modify(|w| w.set_gpioaen(true));
    RCC.apb1enr().modify(|w| w.set_usart2en(true));
    Stm32::start(Wiring {
        usart: USART2,
        interrupt: Interrupt::USART2,
        usart_hz: facts::USART_HZ,
        // The ST-LINK's serial port.
        pins: [Pin(GPIOA, 2), Pin(GPIOA, 3)],
        function: 7,
        // D7 of the Arduino header.
        gate: Pin(GPIOA, 8),
        log: None,
        uid,
    })
}

#[interrupt]
fn USART2() {
    receive();
}

mambalite_firmware_bare::board!(start());
