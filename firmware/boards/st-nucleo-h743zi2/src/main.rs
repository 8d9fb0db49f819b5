//! Firmware of the board `st-nucleo-h743zi2` (STM32H743ZI, Cortex-M7).

#![no_std]
#![no_main]

use mambalite_firmware_stm32::{Pin, Stm32, Wiring, clock, receive, uid};
use stm32_metapac::{GPIOD, GPIOE, Interrupt, RCC, USART3, interrupt};

fn start() -> Stm32<{ facts::CLOCK_HZ }> {
    clock::start_400_mhz();
    RCC.ahb4enr().modify(|w| {
        w.set_gpioden(true);
        w.set_gpioeen(true);
    });
    RCC.apb1lenr().modify(|w| w.set_usart3en(true));
    Stm32::start(Wiring {
        usart: USART3,
        interrupt: Interrupt::USART3,
        usart_hz: facts::USART_HZ,
        // The ST-LINK's serial port.
        pins: [Pin(GPIOD, 8), Pin(GPIOD, 9)],
        function: 7,
        // D3 of the Arduino header.
        gate: Pin(GPIOE, 13),
        log: None,
        uid,
    })
}

#[interrupt]
fn USART3() {
    receive();
}

mambalite_firmware_bare::board!(start());
