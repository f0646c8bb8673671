//! Templates: from a notice to the words a person reads.
//!
//! There is a table of templates: the house's own, which always has words, and before it those of
//! contracts that brought their own. All are checked once, when the server starts.
//!
//! There is no placeholder for anything a request brings: no
//! nickname, so that nobody can have us mail his own text to strangers, and no host, so that a link
//! can only be one that an operator wrote.

use std::{collections::HashMap, fmt};

use daemun_engine::{
    notice::{Channel, Content, Notice},
    policy::Locale,
};

use crate::{
    template::{Template, TemplateError, Values, breaks_a_line, one_line},
    words::{Kind, house},
};

/// What a template is for.
type Key = (Kind, Locale, Channel);

/// The words for every notice: the house's own, and those of contracts that have their own.
#[derive(Clone, Debug)]
pub struct Templates {
    service: Box<str>,
    house: HashMap<Key, Template>,
    contracts: HashMap<Box<str>, HashMap<Key, Template>>,
}

/// What a person will read.
#[derive(Clone, PartialEq, Eq)]
pub struct Rendered {
    /// The subject, one line; empty for a text message.
    pub subject: String,
    /// The text, its lines ending in `\n`; one line for a text message.
    pub text: String,
}

/// Why a notice has no words. Cannot happen to what the engine makes; checked all the same, since
/// a line break in a subject would be a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RenderError {
    /// There are no words for it.
    #[error("there are no words for this notice")]
    NoWords,
    /// A value holds a control character.
    #[error("a value holds a control character")]
    ControlCharacter,
}

impl Templates {
    /// The house's own words, in the name of `service`.
    ///
    /// # Errors
    /// Where the service's name is empty or more than one line.
    pub fn new(service: &str) -> Result<Self, TemplateError> {
        one_line("service's name", service)?;
        let mut words = HashMap::new();
        for kind in Kind::ALL {
            for locale in Locale::ALL {
                for channel in [Channel::Email, Channel::Sms] {
                    let (subject, text) = house(kind, locale, channel);
                    let template = Template::parse(kind, channel, subject, text)?;
                    words.insert((kind, locale, channel), template);
                }
            }
        }
        Ok(Self {
            service: service.into(),
            house: words,
            contracts: HashMap::new(),
        })
    }

    /// Adds a contract's own words for one content in one language: with a subject they are a
    /// mail's, without one a text message's.
    ///
    /// # Errors
    /// Where the words cannot be used, and why.
    pub fn with_contract(
        mut self,
        contract: &str,
        locale: Locale,
        content: &str,
        subject: Option<&str>,
        text: &str,
    ) -> Result<Self, TemplateError> {
        let kind = Kind::from_name(content)
            .ok_or_else(|| TemplateError::UnknownContent(content.into()))?;
        let channel = if subject.is_some() {
            Channel::Email
        } else {
            Channel::Sms
        };
        let template = Template::parse(kind, channel, subject.unwrap_or_default(), text)?;
        self.contracts
            .entry(contract.into())
            .or_default()
            .insert((kind, locale, channel), template);
        Ok(self)
    }

    /// The words for `notice`.
    ///
    /// # Errors
    /// Where it has none, or a value in it would break a line.
    pub fn render(&self, notice: &Notice) -> Result<Rendered, RenderError> {
        let key = (Kind::of(&notice.content), notice.locale, notice.channel);
        let template = self
            .contracts
            .get(&notice.contract)
            .and_then(|own| own.get(&key))
            .or_else(|| self.house.get(&key))
            .ok_or(RenderError::NoWords)?;
        let values = self.values(&notice.content)?;
        Ok(Rendered {
            subject: template.subject(&values),
            text: template.text(&values),
        })
    }

    fn values<'a>(&'a self, content: &'a Content) -> Result<Values<'a>, RenderError> {
        let (code, minutes) = match content {
            Content::ConfirmAddress { code, minutes } => (code.as_str(), minutes.to_string()),
            Content::AlreadyRegistered => ("", String::new()),
        };
        if code.chars().any(breaks_a_line) {
            return Err(RenderError::ControlCharacter);
        }
        Ok(Values {
            service: &self.service,
            code,
            minutes,
        })
    }
}

impl fmt::Debug for Rendered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Rendered(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn templates() -> Templates {
        Templates::new("대문").unwrap()
    }

    fn code() -> Content {
        Content::ConfirmAddress {
            code: "482913".into(),
            minutes: 10,
        }
    }

    fn notice(channel: Channel, locale: Locale, content: Content) -> Notice {
        Notice {
            channel,
            to: "someone@example.com".into(),
            locale,
            contract: "email-cookie".into(),
            content,
        }
    }

    fn refused(content: &str, subject: Option<&str>, text: &str) -> TemplateError {
        templates()
            .with_contract("email-cookie", Locale::En, content, subject, text)
            .unwrap_err()
    }

    #[test]
    fn kinds_bear_the_names_of_the_engines_contents() {
        for content in [code(), Content::AlreadyRegistered] {
            assert_eq!(Kind::of(&content).name(), content.name());
        }
    }

    #[test]
    fn the_house_has_words_for_everything_and_a_code_is_always_told() {
        for channel in [Channel::Email, Channel::Sms] {
            for locale in Locale::ALL {
                let told = templates()
                    .render(&notice(channel, locale, code()))
                    .unwrap();
                assert!(told.text.contains("482913") && told.text.contains("10"));
                assert_eq!(told.subject.is_empty(), channel == Channel::Sms);
                let other = notice(channel, locale, Content::AlreadyRegistered);
                assert!(!templates().render(&other).unwrap().text.contains("{{"));
            }
        }
    }

    #[test]
    fn text_messages_fit_into_one_korean_sms() {
        // 90 bytes in EUC-KR, where a Hangul syllable takes two.
        let length = |text: &str| text.chars().map(|c| 1 + usize::from(!c.is_ascii())).sum();
        for content in [code(), Content::AlreadyRegistered] {
            for locale in Locale::ALL {
                let told = templates()
                    .render(&notice(Channel::Sms, locale, content.clone()))
                    .unwrap();
                let bytes: usize = length(&told.text);
                assert!(bytes <= 90, "{bytes} bytes");
            }
        }
    }

    #[test]
    fn a_contracts_own_words_go_before_the_houses_in_that_language_and_channel_only() {
        let templates = templates()
            .with_contract(
                "email-cookie",
                Locale::Ko,
                "confirm_address",
                Some("{{service}} code"),
                "Your verification code is: {{ code }}\r\n",
            )
            .unwrap();
        let own = templates
            .render(&notice(Channel::Email, Locale::Ko, code()))
            .unwrap();
        assert_eq!(own.subject, "대문 code");
        assert_eq!(own.text, "Your verification code is: 482913\n");

        let mut elsewhere = notice(Channel::Email, Locale::Ko, code());
        elsewhere.contract = "native".into();
        for other in [
            elsewhere,
            notice(Channel::Email, Locale::En, code()),
            notice(Channel::Sms, Locale::Ko, code()),
        ] {
            let house = Templates::new("대문").unwrap().render(&other);
            assert_eq!(templates.render(&other), house);
        }
    }

    #[test]
    fn s95_there_is_no_placeholder_for_what_a_request_brings() {
        for name in ["host", "link", "url", "nickname", "to", "code.x", ""] {
            let text = format!("{{{{code}}}} {{{{{name}}}}}");
            assert_eq!(
                refused("confirm_address", Some("Hello"), &text),
                TemplateError::UnknownPlaceholder(name.into(), ", {{code}} or {{minutes}}")
            );
        }
        assert_eq!(
            refused("already_registered", Some("Hello"), "{{code}}"),
            TemplateError::UnknownPlaceholder("code".into(), "")
        );
    }

    #[test]
    fn words_that_would_break_a_header_are_refused() {
        for subject in ["a\r\nBcc: all@example.com", "a\nb", "a\u{2028}b", "a\0"] {
            assert_eq!(
                refused("confirm_address", Some(subject), "{{code}}"),
                TemplateError::NotOneLine("subject")
            );
        }
        assert!(Templates::new("a\r\nBcc: all@example.com").is_err());
    }

    #[test]
    fn a_code_that_would_break_a_header_is_refused() {
        let content = Content::ConfirmAddress {
            code: "1\r\nBcc: all@example.com".into(),
            minutes: 10,
        };
        assert_eq!(
            templates().render(&notice(Channel::Email, Locale::En, content)),
            Err(RenderError::ControlCharacter)
        );
    }

    #[test]
    fn words_that_say_nothing_useful_are_refused() {
        assert_eq!(
            refused("confirm_address", Some("Hello"), "no code here"),
            TemplateError::CodeMissing
        );
        assert_eq!(
            refused("confirm_address", Some(" "), "{{code}}"),
            TemplateError::Empty("subject")
        );
        assert_eq!(
            refused("confirm_address", Some("Hello"), "{{code}} {{minutes"),
            TemplateError::Unclosed
        );
        assert_eq!(
            refused("confirm_address", None, "{{code}}\nsecond line"),
            TemplateError::NotOneLine("text of a text message")
        );
        assert_eq!(
            refused("goodbye", Some("Hello"), "text"),
            TemplateError::UnknownContent("goodbye".into())
        );
    }

    #[test]
    fn errors_say_what_to_write_instead() {
        assert_eq!(
            refused("confirm_address", Some("Hello"), "{{kode}}").to_string(),
            "{{kode}} has no value in this message; use {{service}}, {{code}} or {{minutes}}"
        );
    }
}
