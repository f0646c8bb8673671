//! Server-sent events, cut out of a stream of bytes (WHATWG HTML §9.2.6).

/// The longest event that is read, in bytes: a thousand entries are a tenth of that.
const LONGEST: usize = 1024 * 1024;

/// One event.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) name: String,
    pub(crate) data: String,
    pub(crate) id: Option<String>,
}

/// The stream is no stream of events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Broken {
    #[error("an event is too long")]
    TooLong,
    #[error("an event is not UTF-8")]
    NotText,
}

/// Collects bytes and gives events.
#[derive(Default)]
pub(crate) struct Parser {
    /// Bytes that no whole line was made of yet.
    pending: Vec<u8>,
    /// Up to where `pending` was read.
    at: usize,
    building: Building,
    begun: bool,
}

#[derive(Default)]
struct Building {
    name: String,
    data: String,
    has_data: bool,
    id: Option<String>,
}

impl Parser {
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.pending.drain(..self.at);
        self.at = 0;
        self.pending.extend_from_slice(bytes);
    }

    /// The next whole event; `None` until more bytes come.
    pub(crate) fn next(&mut self) -> Result<Option<Event>, Broken> {
        while let Some((line, next)) = line(&self.pending, self.at) {
            let text = str::from_utf8(line).map_err(|_| Broken::NotText)?;
            let text = if self.begun {
                text
            } else {
                text.strip_prefix('\u{feff}').unwrap_or(text)
            };
            let done = text.is_empty();
            self.building.take(text);
            self.begun = true;
            self.at = next;
            if self.building.data.len() > LONGEST {
                return Err(Broken::TooLong);
            }
            if done && let Some(event) = self.building.finish() {
                return Ok(Some(event));
            }
        }
        if self.pending.len() - self.at > LONGEST {
            return Err(Broken::TooLong);
        }
        Ok(None)
    }
}

/// The line that begins at `at`, and where the next one does. It ends with LF, CR LF, or a CR that something follows.
fn line(pending: &[u8], at: usize) -> Option<(&[u8], usize)> {
    let rest = pending.get(at..)?;
    let end = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r'))?;
    let length = match (rest.get(end), rest.get(end + 1)) {
        (Some(b'\n'), _) => 1,
        (_, Some(b'\n')) => 2,
        (_, Some(_)) => 1,
        (_, None) => return None,
    };
    Some((rest.get(..end)?, at + end + length))
}

impl Building {
    fn take(&mut self, line: &str) {
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut self.name),
            "data" => {
                if self.has_data {
                    self.data.push('\n');
                }
                self.data.push_str(value);
                self.has_data = true;
            }
            "id" if !value.contains('\0') => self.id = Some(value.to_owned()),
            // Comments, `retry`, and what is not known.
            _ => {}
        }
    }

    /// At an empty line: an event, if there was any data.
    fn finish(&mut self) -> Option<Event> {
        let built = std::mem::take(self);
        built.has_data.then_some(Event {
            name: built.name,
            data: built.data,
            id: built.id,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Broken, Event, LONGEST, Parser};

    fn events(chunks: &[&[u8]]) -> Vec<Event> {
        let mut parser = Parser::default();
        let mut events = Vec::new();
        for chunk in chunks {
            parser.push(chunk);
            while let Some(event) = parser.next().unwrap() {
                events.push(event);
            }
        }
        events
    }

    fn event(name: &str, data: &str, id: Option<&str>) -> Event {
        let id = id.map(str::to_owned);
        let (name, data) = (name.to_owned(), data.to_owned());
        Event { name, data, id }
    }

    const STREAM: &str = "\u{feff}: hello\nevent: ready\nid: a.1\ndata: {\"seq\":1}\n\nretry: 5\n\r\ndata:x\r\ndata:  y\r\n\r\nevent\ndata\n\n";

    fn expected() -> Vec<Event> {
        vec![
            event("ready", "{\"seq\":1}", Some("a.1")),
            event("", "x\n y", None),
            event("", "", None),
        ]
    }

    #[test]
    fn events_are_cut_out_however_the_bytes_arrive() {
        assert_eq!(events(&[STREAM.as_bytes()]), expected());
        for size in 1..9 {
            let chunks: Vec<&[u8]> = STREAM.as_bytes().chunks(size).collect();
            assert_eq!(events(&chunks), expected(), "{size}");
        }
    }

    #[test]
    fn an_event_that_was_not_finished_is_none() {
        assert_eq!(events(&[b"event: ready\ndata: x\n"]), []);
    }

    #[test]
    fn what_is_no_text_or_has_no_end_breaks_the_stream() {
        let mut parser = Parser::default();
        parser.push(b"data: \xff\n");
        assert_eq!(parser.next(), Err(Broken::NotText));
        let mut parser = Parser::default();
        parser.push(&vec![b'x'; LONGEST + 1]);
        assert_eq!(parser.next(), Err(Broken::TooLong));
        let mut parser = Parser::default();
        let line = format!("data: {}\n", "x".repeat(LONGEST / 4));
        for _ in 0..5 {
            parser.push(line.as_bytes());
        }
        assert_eq!(parser.next(), Err(Broken::TooLong));
    }
}
