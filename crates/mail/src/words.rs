//! The house's own words, for contracts that have none: every content, in every language, for
//! every channel. A content without words does not compile.

use daemun_engine::{
    notice::{Channel, Content},
    policy::Locale,
};

/// What a notice tells, without the particulars.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    ConfirmAddress,
    AlreadyRegistered,
}

impl Kind {
    pub(crate) const ALL: [Self; 2] = [Self::ConfirmAddress, Self::AlreadyRegistered];

    pub(crate) const fn of(content: &Content) -> Self {
        match content {
            Content::ConfirmAddress { .. } => Self::ConfirmAddress,
            Content::AlreadyRegistered => Self::AlreadyRegistered,
        }
    }

    /// The kind that contracts know by `name`, which is [`Content::name`].
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::ConfirmAddress => "confirm_address",
            Self::AlreadyRegistered => "already_registered",
        }
    }

    /// Whether a notice of this kind carries a code.
    pub(crate) const fn has_code(self) -> bool {
        matches!(self, Self::ConfirmAddress)
    }
}

/// The subject (empty for a text message) and the text.
pub(crate) const fn house(
    kind: Kind,
    locale: Locale,
    channel: Channel,
) -> (&'static str, &'static str) {
    match (kind, locale, channel) {
        (Kind::ConfirmAddress, Locale::Ko, Channel::Email) => (
            "[{{service}}] 이메일 주소 확인",
            "안녕하세요, {{service}}입니다.\n\
             \n\
             인증 코드: {{code}}\n\
             \n\
             이 코드는 {{minutes}}분 동안 쓸 수 있습니다. 다른 사람에게 알려 주지 마세요.\n\
             직접 요청하지 않으셨다면 이 메일은 무시하셔도 됩니다.\n",
        ),
        (Kind::ConfirmAddress, Locale::Ko, Channel::Sms) => (
            "",
            "[{{service}}] 인증번호 {{code}} ({{minutes}}분간 유효). 타인에게 알려주지 마세요.",
        ),
        (Kind::ConfirmAddress, Locale::En, Channel::Email) => (
            "Verify your email address",
            "Your verification code is: {{code}}\n\
             \n\
             It expires in {{minutes}} min. Do not share it with anybody.\n\
             If you did not ask for it, you can ignore this message.\n\
             \n\
             {{service}}\n",
        ),
        (Kind::ConfirmAddress, Locale::En, Channel::Sms) => (
            "",
            "[{{service}}] Your code is {{code}} ({{minutes}} min). Do not share it.",
        ),
        (Kind::AlreadyRegistered, Locale::Ko, Channel::Email) => (
            "[{{service}}] 이미 가입된 이메일 주소입니다",
            "안녕하세요, {{service}}입니다.\n\
             \n\
             이 주소로 가입 요청이 있었지만, 이미 계정이 있습니다.\n\
             본인이 요청하셨다면 쓰시던 비밀번호로 로그인해 주세요.\n\
             요청하지 않으셨다면 이 메일은 무시하셔도 됩니다. 계정은 그대로입니다.\n",
        ),
        (Kind::AlreadyRegistered, Locale::Ko, Channel::Sms) => (
            "",
            "[{{service}}] 이미 가입된 번호입니다. 요청하지 않으셨다면 무시하세요.",
        ),
        (Kind::AlreadyRegistered, Locale::En, Channel::Email) => (
            "You already have an account",
            "Somebody tried to sign up for {{service}} with this address, which has an account \
             already.\n\
             \n\
             If it was you, log in with the password you have.\n\
             If it was not, you can ignore this message: your account is as it was.\n",
        ),
        (Kind::AlreadyRegistered, Locale::En, Channel::Sms) => (
            "",
            "[{{service}}] This number has an account already. Not you? Ignore this.",
        ),
    }
}
