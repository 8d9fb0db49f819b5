//! Telnet (RFC 854): bytes with commands between them.

/// Begins a command; as a byte of the data it is doubled.
pub(super) const IAC: u8 = 255;
const DONT: u8 = 254;
const DO: u8 = 253;
const WONT: u8 = 252;
const WILL: u8 = 251;
/// Begins and ends the parameters of an option.
const SB: u8 = 250;
const SE: u8 = 240;

/// Most bytes of an option's parameters that are kept; those of a serial port have five.
const PARAMETERS_MAX: usize = 64;

/// What one side says of an option.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verb {
    /// It will use it.
    Will,
    /// It will not.
    Wont,
    /// The other side shall use it.
    Do,
    /// The other side shall not.
    Dont,
}

/// What came between the data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Event {
    /// A word about an option.
    Option(Verb, u8),
    /// Parameters: the option, and what follows it.
    Parameters(Vec<u8>),
}

impl Verb {
    /// Returns the bytes of a word about an option.
    pub(super) fn bytes(self, option: u8) -> [u8; 3] {
        let verb = match self {
            Self::Will => WILL,
            Self::Wont => WONT,
            Self::Do => DO,
            Self::Dont => DONT,
        };
        [IAC, verb, option]
    }
}

/// Returns data as it goes over the line.
pub(super) fn escape(data: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(data.len() + data.len() / 64);
    for &byte in data {
        bytes.push(byte);
        if byte == IAC {
            bytes.push(IAC);
        }
    }
    bytes
}

/// Returns the parameters of an option as they go over the line.
pub(super) fn parameters(option: u8, command: u8, value: &[u8]) -> Vec<u8> {
    let mut bytes = vec![IAC, SB, option, command];
    bytes.extend(escape(value));
    bytes.extend([IAC, SE]);
    bytes
}

/// Takes data and commands apart, whatever pieces they come in.
#[derive(Debug, Default)]
pub(super) struct Decoder {
    state: State,
    parameters: Vec<u8>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum State {
    #[default]
    Data,
    /// After an IAC.
    Command,
    /// After the verb.
    Option(Verb),
    /// Within parameters.
    Parameters,
    /// After an IAC within parameters.
    ParametersCommand,
}

impl Decoder {
    /// Takes one byte; data goes to `data`.
    pub(super) fn push(&mut self, byte: u8, data: &mut Vec<u8>) -> Option<Event> {
        let (state, event) = match (self.state, byte) {
            (State::Data, IAC) => (State::Command, None),
            (State::Data, _) => {
                data.push(byte);
                (State::Data, None)
            }
            (State::Command, IAC) => {
                data.push(IAC);
                (State::Data, None)
            }
            (State::Command, WILL) => (State::Option(Verb::Will), None),
            (State::Command, WONT) => (State::Option(Verb::Wont), None),
            (State::Command, DO) => (State::Option(Verb::Do), None),
            (State::Command, DONT) => (State::Option(Verb::Dont), None),
            (State::Command, SB) => {
                self.parameters.clear();
                (State::Parameters, None)
            }
            // Of no use to a serial port: go ahead, are you there, and the like.
            (State::Command, _) => (State::Data, None),
            (State::Option(verb), option) => (State::Data, Some(Event::Option(verb, option))),
            (State::Parameters, IAC) => (State::ParametersCommand, None),
            (State::Parameters, _) => self.keep(byte),
            (State::ParametersCommand, IAC) => self.keep(IAC),
            (State::ParametersCommand, SE) => {
                let parameters = core::mem::take(&mut self.parameters);
                (State::Data, Some(Event::Parameters(parameters)))
            }
            (State::ParametersCommand, _) => (State::Parameters, None),
        };
        self.state = state;
        event
    }

    fn keep(&mut self, byte: u8) -> (State, Option<Event>) {
        if self.parameters.len() < PARAMETERS_MAX {
            self.parameters.push(byte);
        }
        (State::Parameters, None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn decode(bytes: &[u8]) -> (Vec<u8>, Vec<Event>) {
        let (mut decoder, mut data) = (Decoder::default(), Vec::new());
        let events = bytes
            .iter()
            .filter_map(|&byte| decoder.push(byte, &mut data));
        let events = events.collect();
        (data, events)
    }

    #[test]
    fn commands_are_taken_out_of_the_data() {
        let mut bytes = b"ab".to_vec();
        bytes.extend(Verb::Do.bytes(44));
        bytes.push(b'c');
        bytes.extend([IAC, 246]);
        bytes.extend(parameters(44, 101, &[0, 1, IAC, 0]));
        bytes.extend([IAC, IAC, b'd']);
        let (data, events) = decode(&bytes);
        assert_eq!(data, b"abc\xffd");
        let parameters = Event::Parameters(vec![44, 101, 0, 1, IAC, 0]);
        assert_eq!(events, [Event::Option(Verb::Do, 44), parameters]);
    }

    proptest! {
        #[test]
        fn data_comes_back(data: Vec<u8>) {
            prop_assert_eq!(decode(&escape(&data)), (data, vec![]));
        }

        #[test]
        fn nothing_panics_or_grows(bytes in prop::collection::vec(240u8.., 0..2000)) {
            let (data, events) = decode(&bytes);
            prop_assert!(data.len() + events.len() <= bytes.len());
        }
    }
}
