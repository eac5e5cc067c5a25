//! How it looks: what a colour means, which glyph stands for what, and the twins for terminals without either.
//!
//! One family of colours, blue for what is well and orange for what is not: told apart by every common kind of colour
//! blindness, and each of a middle lightness that reads on dark and on light backgrounds. Nothing rests on colour alone:
//! every state also has a glyph and a word.

use ratatui::style::{Color, Modifier, Style};
use ratatui::text::Span;

use super::fmt::safe;

/// What a piece of text is, as far as its style goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// Ordinary text.
    Plain,
    /// Well.
    Ok,
    /// Wrong, now.
    Bad,
    /// Worth a look.
    Warn,
    /// Cannot be seen.
    Unknown,
    /// Less important than its neighbours, or stale.
    Dim,
    /// What has the focus.
    Accent,
    /// A heading.
    Title,
    /// A key to press.
    Key,
    /// Rules and borders.
    Rule,
    /// The badge of a production environment.
    Badge,
}

impl Role {
    /// Every role, with the letter by which the style snapshots name it.
    pub const ALL: [(Self, char); 11] = [
        (Self::Plain, '.'),
        (Self::Ok, 'o'),
        (Self::Bad, 'B'),
        (Self::Warn, 'w'),
        (Self::Unknown, 'u'),
        (Self::Dim, 'd'),
        (Self::Accent, 'a'),
        (Self::Title, 'T'),
        (Self::Key, 'k'),
        (Self::Rule, '-'),
        (Self::Badge, 'P'),
    ];
}

/// Which styles are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Theme {
    /// Blue and orange.
    #[default]
    Colour,
    /// Bold, dim, underlined and reversed only: `NO_COLOR`.
    Mono,
}

const BLUE: Color = Color::Indexed(32);
const VERMILION: Color = Color::Indexed(166);
const ORANGE: Color = Color::Indexed(172);
const GREY: Color = Color::Indexed(244);

impl Theme {
    /// The style of a role.
    pub const fn style(self, role: Role) -> Style {
        let plain = Style::new();
        match self {
            Self::Colour => match role {
                Role::Plain => plain,
                Role::Ok => plain.fg(BLUE),
                Role::Bad => plain.fg(VERMILION).add_modifier(Modifier::BOLD),
                Role::Warn => plain.fg(ORANGE),
                Role::Unknown => plain.fg(ORANGE).add_modifier(Modifier::ITALIC),
                Role::Dim => plain.fg(GREY),
                Role::Accent | Role::Key => plain.fg(BLUE).add_modifier(Modifier::BOLD),
                Role::Title => plain.add_modifier(Modifier::BOLD),
                Role::Rule => plain.fg(GREY).add_modifier(Modifier::DIM),
                Role::Badge => plain.fg(VERMILION).add_modifier(Modifier::BOLD).add_modifier(Modifier::REVERSED),
            },
            Self::Mono => match role {
                Role::Plain | Role::Ok => plain,
                Role::Bad => plain.add_modifier(Modifier::BOLD).add_modifier(Modifier::UNDERLINED),
                Role::Warn | Role::Title => plain.add_modifier(Modifier::BOLD),
                Role::Unknown => plain.add_modifier(Modifier::ITALIC),
                Role::Dim | Role::Rule => plain.add_modifier(Modifier::DIM),
                Role::Accent | Role::Key => plain.add_modifier(Modifier::BOLD).add_modifier(Modifier::ITALIC),
                Role::Badge => plain.add_modifier(Modifier::BOLD).add_modifier(Modifier::REVERSED),
            },
        }
    }
}

/// Which characters are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Glyphs {
    /// Check marks and line drawing.
    #[default]
    Unicode,
    /// Nothing beyond ASCII: `--ascii`.
    Ascii,
}

/// How something stands: its glyph and its role belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mark {
    /// `✓`
    Ok,
    /// `▲`
    Warn,
    /// `✗`
    Bad,
    /// `?`
    Unknown,
    /// `·`
    Absent,
}

impl Mark {
    /// The role that goes with it.
    pub const fn role(self) -> Role {
        match self {
            Self::Ok => Role::Ok,
            Self::Warn => Role::Warn,
            Self::Bad => Role::Bad,
            Self::Unknown => Role::Unknown,
            Self::Absent => Role::Dim,
        }
    }
}

/// The theme and the glyphs together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Look {
    /// Colours or none.
    pub theme: Theme,
    /// Unicode or ASCII.
    pub glyphs: Glyphs,
}

impl Look {
    /// The style of a role.
    pub const fn style(&self, role: Role) -> Style {
        self.theme.style(role)
    }

    /// Text in a role, made safe to draw.
    pub fn span(&self, role: Role, text: impl AsRef<str>) -> Span<'static> {
        Span::styled(safe(text.as_ref()), self.style(role))
    }

    /// The glyph of a mark, without its word.
    pub const fn glyph(&self, mark: Mark) -> &'static str {
        match (self.glyphs, mark) {
            (Glyphs::Unicode, Mark::Ok) => "✓",
            (Glyphs::Unicode, Mark::Warn) => "▲",
            (Glyphs::Unicode, Mark::Bad) => "✗",
            (Glyphs::Unicode, Mark::Unknown) => "?",
            (Glyphs::Unicode, Mark::Absent) => "·",
            (Glyphs::Ascii, Mark::Ok) => "ok",
            (Glyphs::Ascii, Mark::Warn) => "^^",
            (Glyphs::Ascii, Mark::Bad) => "!!",
            (Glyphs::Ascii, Mark::Unknown) => "??",
            (Glyphs::Ascii, Mark::Absent) => "--",
        }
    }

    /// Glyph and word in the mark's role.
    pub fn mark(&self, mark: Mark, word: &str) -> Span<'static> {
        self.span(mark.role(), format!("{} {word}", self.glyph(mark)))
    }

    /// How many columns a glyph takes.
    pub const fn glyph_width(&self) -> usize {
        match self.glyphs {
            Glyphs::Unicode => 1,
            Glyphs::Ascii => 2,
        }
    }

    /// The bar beside the selected row.
    pub const fn cursor(&self) -> &'static str {
        match self.glyphs {
            Glyphs::Unicode => "▌",
            Glyphs::Ascii => ">",
        }
    }

    /// What stands for a step under way.
    pub const fn running(&self) -> &'static str {
        match self.glyphs {
            Glyphs::Unicode => "●",
            Glyphs::Ascii => "..",
        }
    }

    /// The ASCII twin of a character that is not ASCII; anything unknown becomes `?`, never a wider thing.
    pub const fn ascii(c: char) -> char {
        match c {
            '…' => '~',
            '·' | '•' => '.',
            '—' | '–' | '─' => '-',
            '┌' | '┐' | '└' | '┘' | '├' | '┤' | '┬' | '┴' | '┼' => '+',
            '│' | '▌' | '▐' | '▏' => '|',
            '→' | '▸' => '>',
            '←' => '<',
            '↑' => '^',
            '↓' => 'v',
            '×' => 'x',
            '‘' | '’' => '\'',
            '“' | '”' => '"',
            c if c.is_ascii() => c,
            _ => '?',
        }
    }
}
