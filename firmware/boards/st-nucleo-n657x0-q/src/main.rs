//! Firmware of the board `st-nucleo-n657x0-q` (STM32N657X0, Cortex-M55).

#![no_std]
#![no_main]

use mambalite_firmware_stm32::{Pin, Stm32, Wiring, clock, receive, uid};
use stm32_metapac::{GPIOE, Interrupt, RCC, USART1, interrupt};

fn start() -> Stm32<{ facts::CLOCK_HZ }> {
    clock::start_64_mhz();
    RCC.ahb4enr().modify(|w| w.set_gpioeen(true));
    RCC.apb2enr().modify(|w| w.set_usart1en(true));
    Stm32::start(Wiring {
        usart: USART1,
        interrupt: Interrupt::USART1,
        usart_hz: facts::CLOCK_HZ,
        // The ST-LINK's serial port.
        pins: [Pin(GPIOE, 5), Pin(GPIOE, 6)],
        function: 7,
        // D7 of the Arduino header.
        gate: Pin(GPIOE, 11),
        log: None,
        uid,
    })
}

#[interrupt]
fn USART1() {
    receive();
}

mambalite_firmware_bare::board!(start());
