//! The keys: one table that binds them and lists them in the help.

/// What a key does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Next picture of the strip.
    NextPicture,
    /// Previous picture of the strip.
    PreviousPicture,
    /// Magnify all cards.
    ZoomIn,
    /// The opposite.
    ZoomOut,
    /// Show whole pictures.
    ZoomReset,
    /// Move the cross-hair by this many pixels.
    Cross(i32, i32),
    /// Hide or show the photo under the heatmap.
    HeatOnly,
    /// Stronger heatmap.
    MoreOpacity,
    /// Weaker heatmap.
    LessOpacity,
    /// Next method of the list.
    NextMethod,
    /// Previous method of the list.
    PreviousMethod,
    /// Explain each network's best class.
    TopClass,
    /// Go to the search of classes.
    FindClass,
    /// Pick files.
    OpenFiles,
    /// Light, dark, as the system.
    Theme,
    /// Show the view in which one picture is explained.
    ViewExplain,
    /// Show the view of a data set.
    ViewSuggest,
    /// Change between the plot and its table.
    TwinTable,
    /// Explain the primary picture of the data set.
    ExplainItem,
    /// Close what is open, else stop what runs.
    Escape,
    /// The list of keys.
    Help,
}

impl Action {
    /// Whether it does something in the Suggest view, where no map is shown.
    #[must_use]
    pub fn suits_suggest(self) -> bool {
        matches!(
            self,
            Self::NextPicture
                | Self::PreviousPicture
                | Self::OpenFiles
                | Self::Theme
                | Self::ViewExplain
                | Self::ViewSuggest
                | Self::TwinTable
                | Self::ExplainItem
                | Self::Escape
                | Self::Help
        )
    }
}

/// Where a key works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Anywhere except in text fields.
    Page,
    /// While a card's picture has the focus.
    Picture,
    /// In the Suggest view, except in text fields.
    Suggest,
}

/// One line of the table.
#[derive(Clone, Copy, Debug)]
pub struct Binding {
    /// Values of `KeyboardEvent.key`.
    pub keys: &'static [&'static str],
    /// Where.
    pub scope: Scope,
    /// What.
    pub action: Action,
    /// For the help; empty for lines that an earlier line speaks for.
    pub help: &'static str,
    /// How the keys are written in the help.
    pub shown: &'static [&'static str],
}

const fn page(
    keys: &'static [&'static str],
    shown: &'static [&'static str],
    action: Action,
    help: &'static str,
) -> Binding {
    Binding { keys, scope: Scope::Page, action, help, shown }
}

const fn picture(
    keys: &'static [&'static str],
    shown: &'static [&'static str],
    action: Action,
    help: &'static str,
) -> Binding {
    Binding { keys, scope: Scope::Picture, action, help, shown }
}

const fn suggest(
    keys: &'static [&'static str],
    shown: &'static [&'static str],
    action: Action,
    help: &'static str,
) -> Binding {
    Binding { keys, scope: Scope::Suggest, action, help, shown }
}

/// All keys.
pub const BINDINGS: &[Binding] = &[
    page(&["1"], &["1"], Action::ViewExplain, "Explain: one picture under all networks"),
    page(&["2"], &["2"], Action::ViewSuggest, "Suggest: which pictures of a data set deserve a look"),
    page(&["ArrowRight"], &["→"], Action::NextPicture, "Next picture, of the selection or the strip"),
    page(&["ArrowLeft"], &["←"], Action::PreviousPicture, "Previous picture"),
    page(&["m"], &["M"], Action::NextMethod, "Next method"),
    page(&["M"], &["⇧ M"], Action::PreviousMethod, "Previous method"),
    page(&["c", "/"], &["C", "/"], Action::FindClass, "Find a class to explain"),
    page(&["b"], &["B"], Action::TopClass, "Each network's best class"),
    page(&["]"], &["]"], Action::MoreOpacity, "Stronger heatmap"),
    page(&["["], &["["], Action::LessOpacity, "Weaker heatmap"),
    page(&["+", "="], &["+"], Action::ZoomIn, "Zoom in, all cards"),
    page(&["-", "_"], &["−"], Action::ZoomOut, "Zoom out"),
    page(&["0"], &["0"], Action::ZoomReset, "Whole pictures"),
    page(&["h"], &["H"], Action::HeatOnly, "Heatmap without photo"),
    page(&["o"], &["O"], Action::OpenFiles, "Open pictures or models"),
    page(&["t", "T"], &["T"], Action::Theme, "Theme: system, light, dark"),
    page(&["Escape"], &["Esc"], Action::Escape, "Close, or stop what runs"),
    page(&["?"], &["?"], Action::Help, "This list"),
    picture(
        &["ArrowRight"],
        &["←", "↑", "→", "↓"],
        Action::Cross(1, 0),
        "Move the cross-hair while a picture has the focus",
    ),
    picture(&["ArrowLeft"], &[], Action::Cross(-1, 0), ""),
    picture(&["ArrowUp"], &[], Action::Cross(0, -1), ""),
    picture(&["ArrowDown"], &[], Action::Cross(0, 1), ""),
    suggest(&["t"], &["T"], Action::TwinTable, "In Suggest: plot or table (⇧ T: theme)"),
    suggest(&["e"], &["E"], Action::ExplainItem, "In Suggest: explain the primary picture"),
];

/// The action of a key. A narrower scope comes before the page.
#[must_use]
pub fn action(key: &str, narrower: Option<Scope>) -> Option<Action> {
    let find = |scope| BINDINGS.iter().find(|row| row.scope == scope && row.keys.contains(&key)).map(|row| row.action);
    narrower.and_then(find).or_else(|| find(Scope::Page))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_key_is_bound_twice_in_a_scope() {
        for scope in [Scope::Page, Scope::Picture, Scope::Suggest] {
            let mut keys: Vec<&str> =
                BINDINGS.iter().filter(|row| row.scope == scope).flat_map(|row| row.keys.iter().copied()).collect();
            let all = keys.len();
            keys.sort_unstable();
            keys.dedup();
            assert_eq!(keys.len(), all, "{scope:?}");
        }
    }

    #[test]
    fn a_focused_picture_takes_the_arrows() {
        assert_eq!(action("ArrowRight", None), Some(Action::NextPicture));
        assert_eq!(action("ArrowRight", Some(Scope::Picture)), Some(Action::Cross(1, 0)));
        assert_eq!(action("+", Some(Scope::Picture)), Some(Action::ZoomIn));
        assert_eq!(action("F5", Some(Scope::Picture)), None);
    }

    #[test]
    fn the_suggest_view_has_keys_of_its_own() {
        let suggest = Some(Scope::Suggest);
        assert_eq!((action("t", suggest), action("t", None)), (Some(Action::TwinTable), Some(Action::Theme)));
        assert_eq!((action("T", suggest), action("2", suggest)), (Some(Action::Theme), Some(Action::ViewSuggest)));
        assert!(Action::TwinTable.suits_suggest() && !Action::NextMethod.suits_suggest());
    }

    #[test]
    fn every_line_with_help_shows_keys() {
        assert!(BINDINGS.iter().all(|row| row.help.is_empty() == row.shown.is_empty()));
    }
}
