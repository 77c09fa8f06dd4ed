//! The icons: one set, 20 units square, strokes of 1.6.

use leptos::prelude::*;

/// Which one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Glyph {
    /// Adds something.
    Plus,
    /// Takes something away, or zooms out.
    Minus,
    /// Closes or removes.
    Cross,
    /// A question.
    Question,
    /// Light.
    Sun,
    /// Dark.
    Moon,
    /// As the system.
    HalfMoon,
    /// No network.
    Offline,
    /// Settings.
    Sliders,
    /// Pictures.
    Picture,
    /// Follows the choice for all.
    Link,
    /// Does not.
    Unlink,
    /// Attention.
    Warning,
    /// Once more.
    Retry,
    /// Search.
    Search,
    /// Not shown.
    EyeOff,
    /// To the one before.
    Back,
    /// To the next.
    Forward,
    /// Marked by the visitor.
    Star,
}

/// An icon; what it means is said by its button.
#[component]
pub fn Icon(
    /// Which one.
    glyph: Glyph,
) -> impl IntoView {
    let path = match glyph {
        Glyph::Back => "M12 4.5L6.5 10l5.5 5.5",
        Glyph::Forward => "M8 4.5l5.5 5.5L8 15.5",
        Glyph::Star => "M10 3.2l2.1 4.4 4.8.6-3.5 3.3.9 4.8-4.3-2.4-4.3 2.4.9-4.8L3.1 8.2l4.8-.6z",
        Glyph::Plus => "M10 4v12M4 10h12",
        Glyph::Minus => "M4 10h12",
        Glyph::Cross => "M5 5l10 10M15 5L5 15",
        Glyph::Question => "M7.2 7.6a2.8 2.8 0 1 1 4.2 2.4c-.9.5-1.4 1-1.4 2M10 15.2v.1",
        Glyph::Sun => {
            "M10 6.5a3.5 3.5 0 1 0 0 7 3.5 3.5 0 0 0 0-7zM10 2v1.5M10 16.5V18M2 10h1.5M16.5 10H18M4.3 4.3l1.1 1.1M14.6 14.6l1.1 1.1M15.7 4.3l-1.1 1.1M5.4 14.6l-1.1 1.1"
        }
        Glyph::Moon => "M16.2 12A6.8 6.8 0 0 1 8 3.8a6.6 6.6 0 1 0 8.2 8.2z",
        Glyph::HalfMoon => "M10 3.5a6.5 6.5 0 1 0 0 13zM10 3.5a6.5 6.5 0 0 1 0 13M10 7l4.5 0M10 10h6M10 13h4.5",
        Glyph::Offline => {
            "M3 3l14 14M2.5 8.2A11 11 0 0 1 6 6M9 5a11 11 0 0 1 8.5 3.2M5.2 11.2a7 7 0 0 1 2.6-1.7M12.5 9.7c.8.4 1.6.900 2.3 1.5M10 15.2v.1"
        }
        Glyph::Sliders => "M3 6h8M15 6h2M3 14h2M9 14h8M13 4v4M7 12v4",
        Glyph::Picture => "M3.5 4.5h13v11h-13zM3.5 13l4-4 3.5 3.5 2-2 3.5 3.5M13 7.5v.1",
        Glyph::Link => {
            "M8.5 11.5l3-3M9 6.5l1.5-1.5a3.2 3.2 0 0 1 4.5 4.5L13.5 11M11 13.5L9.5 15A3.2 3.2 0 0 1 5 10.5L6.5 9"
        }
        Glyph::Unlink => {
            "M9 6.5l1.5-1.5a3.2 3.2 0 0 1 4.5 4.5L13.5 11M11 13.5L9.5 15A3.2 3.2 0 0 1 5 10.5L6.5 9M4 4l12 12"
        }
        Glyph::Warning => "M10 3.5l7.5 13h-15zM10 8.5v3.5M10 14.2v.1",
        Glyph::Retry => "M15.5 8A6 6 0 1 0 16 11M16 4v4.2h-4.2",
        Glyph::Search => "M9 4a5 5 0 1 0 0 10A5 5 0 0 0 9 4zM12.8 12.8L16.5 16.5",
        Glyph::EyeOff => {
            "M3 3l14 14M7 5.2A8 8 0 0 1 10 4.6c3.3 0 6 1.8 8 5.4a13 13 0 0 1-2.3 3M13 14.6a8 8 0 0 1-3 .8c-3.3 0-6-1.8-8-5.4a12.5 12.5 0 0 1 2.7-3.3"
        }
    };
    view! {
        <svg class="icon" viewBox="0 0 20 20" aria-hidden="true" focusable="false">
            <path d=path />
        </svg>
    }
}

/// The mark of the product: an eye whose iris is a heatmap over a grid.
#[component]
pub fn Mark() -> impl IntoView {
    view! {
        <svg class="mark" viewBox="0 0 32 32" aria-hidden="true" focusable="false">
            <rect class="mark-ground" x="0" y="0" width="32" height="32" rx="8" />
            <path class="mark-lid" d="M4.5 16c3-5.6 6.8-8.4 11.5-8.4S24.5 10.4 27.5 16c-3 5.6-6.8 8.4-11.5 8.4S7.5 21.6 4.5 16z" />
            <rect class="mark-cold" x="11.5" y="11.5" width="4.2" height="4.2" rx="1" />
            <rect class="mark-warm" x="16.3" y="11.5" width="4.2" height="4.2" rx="1" />
            <rect class="mark-hot" x="11.5" y="16.3" width="4.2" height="4.2" rx="1" />
            <rect class="mark-mild" x="16.3" y="16.3" width="4.2" height="4.2" rx="1" />
        </svg>
    }
}
