//! Light, dark, or as the system is. `www/theme.js` applies a kept choice before the first paint.

use super::storage;

/// The choice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Theme {
    /// As the system.
    #[default]
    Auto,
    /// Light.
    Light,
    /// Dark.
    Dark,
}

impl Theme {
    const KEY: &str = "theme";

    /// The kept choice.
    #[must_use]
    pub fn kept() -> Self {
        match storage::get(Self::KEY).as_deref() {
            Some("light") => Self::Light,
            Some("dark") => Self::Dark,
            _ => Self::Auto,
        }
    }

    /// The next one of the three.
    #[must_use]
    pub fn next(self) -> Self {
        match self {
            Self::Auto => Self::Light,
            Self::Light => Self::Dark,
            Self::Dark => Self::Auto,
        }
    }

    /// Its name in the page and in storage.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }

    /// Shows and keeps it.
    pub fn apply(self) {
        storage::set(Self::KEY, self.name());
        let root = web_sys::window().and_then(|window| window.document()).and_then(|page| page.document_element());
        if let Some(root) = root {
            root.set_attribute("data-theme", self.name()).ok();
        }
    }
}
