//! `hil watch`: the rigs of a run in progress, one row each.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::Line;
use ratatui::widgets::{Block, Cell, Paragraph, Row, Table};

use crate::events::{Entry, Event};
use crate::verdict::{Stage, Verdict};

/// Cells of a bar.
const BAR: usize = 24;

/// What is known of a run.
#[derive(Debug, Clone, Default)]
pub struct Watch {
    started: String,
    rigs: Vec<Rig>,
    at_ms: u64,
    verdict: Option<Verdict>,
}

/// One row.
#[derive(Debug, Clone)]
struct Rig {
    name: String,
    stage: Option<Stage>,
    /// Begin of the stage, milliseconds of the run.
    since_ms: u64,
    done: u64,
    total: u64,
    /// One for each precision that is through.
    verdicts: Vec<(String, Verdict)>,
    cause: Option<String>,
}

impl Watch {
    /// Takes an event.
    pub fn take(&mut self, entry: Entry) {
        let at_ms = entry.at_ms;
        self.at_ms = self.at_ms.max(at_ms);
        match entry.event {
            Event::Run { started, rigs } => {
                self.started = started;
                for rig in rigs {
                    self.rig(&rig);
                }
            }
            Event::Begin { rig, stage, total } => {
                let rig = self.rig(&rig);
                (rig.stage, rig.since_ms) = (Some(stage), at_ms);
                (rig.done, rig.total) = (0, total);
            }
            Event::Reach { rig, done } => self.rig(&rig).done = done,
            Event::End { rig } => self.rig(&rig).stage = None,
            Event::Retry {
                rig,
                verdict,
                cause,
            } => {
                let rig = self.rig(&rig);
                rig.stage = None;
                rig.cause = Some(format!("again after {}: {cause}", verdict.word()));
            }
            Event::Board {
                rig,
                precision,
                verdict,
                cause,
            } => {
                let rig = self.rig(&rig);
                rig.stage = None;
                rig.verdicts.push((precision, verdict));
                rig.cause = cause;
            }
            Event::Done { verdict } => self.verdict = Some(verdict),
        }
    }

    /// Returns the verdict of the run once it is over.
    #[must_use]
    pub fn verdict(&self) -> Option<Verdict> {
        self.verdict
    }

    /// Draws all of it.
    pub fn draw(&self, frame: &mut Frame<'_>) {
        let areas = Layout::vertical([
            Constraint::Length(1),
            Constraint::Fill(1),
            Constraint::Length(1),
        ]);
        let [top, middle, bottom] = areas.areas(frame.area());
        frame.render_widget(Paragraph::new(self.title()), top);
        let header = Row::new(["RIG", "STAGE", "", "", "VERDICTS"])
            .style(Style::new().add_modifier(Modifier::BOLD));
        let widths = [
            Constraint::Max(24),
            Constraint::Length(10),
            Constraint::Length(BAR as u16),
            Constraint::Length(9),
            Constraint::Fill(1),
        ];
        let rows = self.rigs.iter().map(|rig| self.row(rig));
        let table = Table::new(rows, widths).header(header).block(Block::new());
        frame.render_widget(table, middle);
        frame.render_widget(
            Paragraph::new("q or Ctrl-C ends the view, not the run"),
            bottom,
        );
    }

    fn title(&self) -> String {
        let through = self
            .rigs
            .iter()
            .filter(|it| it.stage.is_none() && !it.verdicts.is_empty());
        let state = match self.verdict {
            Some(verdict) => verdict.word().to_owned(),
            None => format!(
                "{} of {} rigs idle or through",
                through.count(),
                self.rigs.len()
            ),
        };
        format!(
            "hil {}  {:.0} s  {state}",
            self.started,
            self.at_ms as f64 / 1e3
        )
    }

    fn row<'a>(&self, rig: &'a Rig) -> Row<'a> {
        let stage = rig.stage.map_or("", Stage::word);
        let age = match rig.stage {
            Some(_) => format!(
                "{:.0} s",
                self.at_ms.saturating_sub(rig.since_ms) as f64 / 1e3
            ),
            None => String::new(),
        };
        let mut verdicts = Line::default();
        for (precision, verdict) in &rig.verdicts {
            verdicts.push_span(format!("{precision} "));
            verdicts.push_span(ratatui::text::Span::styled(
                format!("{}  ", verdict.word()),
                Style::new().fg(color(*verdict)),
            ));
        }
        if let Some(cause) = &rig.cause {
            // A control character from a board would not be the terminal's.
            let plain = cause.chars().map(|c| if c.is_control() { ' ' } else { c });
            verdicts.push_span(plain.collect::<String>());
        }
        Row::new([
            Cell::from(rig.name.as_str()),
            Cell::from(stage),
            Cell::from(bar(rig)),
            Cell::from(age),
            Cell::from(verdicts),
        ])
    }

    fn rig(&mut self, name: &str) -> &mut Rig {
        let idx = self.rigs.iter().position(|it| it.name == name);
        let idx = idx.unwrap_or_else(|| {
            self.rigs.push(Rig {
                name: name.to_owned(),
                stage: None,
                since_ms: 0,
                done: 0,
                total: 0,
                verdicts: Vec::new(),
                cause: None,
            });
            self.rigs.len() - 1
        });
        #[expect(clippy::indexing_slicing, reason = "found or pushed just now")]
        &mut self.rigs[idx]
    }
}

fn bar(rig: &Rig) -> String {
    if rig.stage.is_none() || rig.total == 0 {
        return String::new();
    }
    let share = rig.done.min(rig.total) as f64 / rig.total as f64;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a share of 0 to 1 times the length of a bar"
    )]
    let full = (share * (BAR - 5) as f64).round() as usize;
    let open = "░".repeat((BAR - 5).saturating_sub(full));
    format!("{}{open} {:3.0}%", "█".repeat(full), share * 100.0)
}

fn color(verdict: Verdict) -> Color {
    match verdict {
        Verdict::Pass => Color::Green,
        Verdict::Mismatch | Verdict::ControlMissed => Color::Red,
        _ => Color::Yellow,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;

    fn screen(watch: &Watch) -> Vec<String> {
        let mut terminal = Terminal::new(TestBackend::new(110, 7)).unwrap();
        terminal.draw(|frame| watch.draw(frame)).unwrap();
        let buffer = terminal.backend().buffer();
        let row = |y| {
            (0..110)
                .map(|x| buffer[(x, y)].symbol())
                .collect::<String>()
        };
        (0..7).map(|y| row(y).trim_end().to_owned()).collect()
    }

    fn watch(events: Vec<Event>) -> Watch {
        let mut watch = Watch::default();
        for (idx, event) in events.into_iter().enumerate() {
            watch.take(Entry {
                schema: 1,
                at_ms: idx as u64 * 1000,
                event,
            });
        }
        watch
    }

    fn events() -> Vec<Event> {
        let rigs = ["m4-left", "m7", "jetson"].map(str::to_owned).to_vec();
        let [left, m7, jetson] = ["m4-left", "m7", "jetson"].map(str::to_owned);
        vec![
            Event::Run {
                started: "2026-01-02T03:04:05Z".to_owned(),
                rigs,
            },
            Event::Begin {
                rig: m7.clone(),
                stage: Stage::Stream,
                total: 200,
            },
            Event::Reach { rig: m7, done: 100 },
            Event::Board {
                rig: left,
                precision: "f32".to_owned(),
                verdict: Verdict::Pass,
                cause: None,
            },
            Event::Board {
                rig: jetson,
                precision: "w8a8".to_owned(),
                verdict: Verdict::Link,
                cause: Some("the connection\u{1b}[31m was cut".to_owned()),
            },
        ]
    }

    #[test]
    fn each_rig_has_its_row() {
        let rows = screen(&watch(events()));
        assert_eq!(
            rows[0],
            "hil 2026-01-02T03:04:05Z  4 s  2 of 3 rigs idle or through"
        );
        assert!(rows[1].starts_with("RIG") && rows[1].contains("VERDICTS"));
        assert!(
            rows[2].starts_with("m4-left") && rows[2].ends_with("f32 PASS"),
            "{}",
            rows[2]
        );
        assert!(
            rows[3].starts_with("m7") && rows[3].contains("stream"),
            "{}",
            rows[3]
        );
        assert!(
            rows[3].contains("██████████░░░░░░░░░  50% 3 s"),
            "{}",
            rows[3]
        );
        assert!(
            rows[4].contains("w8a8 LINK  the connection [31m was cut"),
            "{}",
            rows[4]
        );
        assert!(rows[6].starts_with("q or Ctrl-C"));
    }

    #[test]
    fn the_end_of_the_run_is_seen() {
        let mut all = events();
        assert_eq!(watch(all.clone()).verdict(), None);
        all.push(Event::Done {
            verdict: Verdict::Link,
        });
        let watch = watch(all);
        assert_eq!(watch.verdict(), Some(Verdict::Link));
        assert!(screen(&watch)[0].ends_with("5 s  LINK"));
    }

    #[test]
    fn strange_numbers_draw_no_strange_bar() {
        for (done, total) in [(5, 0), (u64::MAX, 1), (0, u64::MAX), (9, 3)] {
            let watch = watch(vec![
                Event::Begin {
                    rig: "a".to_owned(),
                    stage: Stage::Flash,
                    total,
                },
                Event::Reach {
                    rig: "a".to_owned(),
                    done,
                },
            ]);
            assert!(screen(&watch)[2].chars().count() <= 110);
        }
    }
}
