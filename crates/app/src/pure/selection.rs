//! What is selected of a data set: a set of items, the primary one among them, and the item that has the focus.
//!
//! Items are numbers of the data set. Every view shows the same selection, in an order of its own.

/// How an item was pressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Press {
    /// A click, or Enter.
    Plain,
    /// With shift: everything from the anchor to here.
    Range,
    /// With ctrl or the command key, or the space bar: in or out.
    Toggle,
}

impl Press {
    /// By the keys that were held.
    #[must_use]
    pub fn of(shift: bool, ctrl: bool) -> Self {
        match (shift, ctrl) {
            (true, _) => Self::Range,
            (false, true) => Self::Toggle,
            (false, false) => Self::Plain,
        }
    }
}

/// The selection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// The items, in ascending order, each one once.
    pub items: Vec<u32>,
    /// The item that is looked at: one of the items where there are any.
    pub primary: Option<u32>,
    /// The item under the keyboard or the pointer.
    pub focus: Option<u32>,
    /// Where a range begins: the item that was last pressed without shift.
    pub anchor: Option<u32>,
}

impl Selection {
    /// Whether an item is in it.
    #[must_use]
    pub fn has(&self, item: u32) -> bool {
        self.items.binary_search(&item).is_ok()
    }

    /// After an item of a view was pressed; `order` is what the view shows.
    ///
    /// * A plain press makes the item the primary one. It is selected alone, unless it is one of several selected items:
    ///   then these stay, so that one can look at one after the other.
    /// * A range replaces the selection by what lies between the anchor and the item, both included. Without an anchor
    ///   that the view shows, the range is the item alone.
    /// * A toggle takes the item in, as the primary one, or out. If the primary item goes, the next selected one of the
    ///   view takes its place.
    #[must_use]
    pub fn pressed(&self, order: &[u32], item: u32, press: Press) -> Self {
        let mut after = Self { focus: Some(item), ..self.clone() };
        match press {
            Press::Plain => {
                if !self.has(item) {
                    after.items = vec![item];
                }
                after.primary = Some(item);
                after.anchor = Some(item);
            }
            Press::Range => {
                let place = |item: u32| order.iter().position(|&other| other == item);
                let to = place(item);
                let from = self.anchor.or(self.primary).and_then(place).or(to);
                after.items = match (from, to) {
                    (Some(from), Some(to)) => order.get(from.min(to)..=from.max(to)).unwrap_or_default().to_vec(),
                    _ => vec![item],
                };
                after.items.sort_unstable();
                after.items.dedup();
                after.anchor = self.anchor.or(self.primary).or(Some(item));
                after.primary = Some(item);
            }
            Press::Toggle => {
                after.anchor = Some(item);
                match self.items.binary_search(&item) {
                    Err(at) => {
                        after.items.insert(at, item);
                        after.primary = Some(item);
                    }
                    Ok(at) => {
                        after.items.remove(at);
                        if self.primary == Some(item) {
                            after.primary = neighbour(order, item, &after.items);
                        }
                    }
                }
            }
        }
        after
    }
}

/// The item of `items` that follows `item` in `order`, around its end; the first of them where the view shows none.
fn neighbour(order: &[u32], item: u32, items: &[u32]) -> Option<u32> {
    let at = order.iter().position(|&other| other == item).unwrap_or(0);
    let (before, after) = order.split_at(at);
    let mut others = after.iter().chain(before).copied();
    others.find(|other| items.binary_search(other).is_ok()).or(items.first().copied())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORDER: [u32; 6] = [5, 3, 9, 1, 7, 2];

    fn after(presses: &[(u32, Press)]) -> Selection {
        presses.iter().fold(Selection::default(), |now, &(item, press)| now.pressed(&ORDER, item, press))
    }

    #[test]
    fn a_press_selects_alone_and_within_a_selection_only_looks() {
        let one = after(&[(3, Press::Plain)]);
        assert_eq!((one.items.as_slice(), one.primary, one.focus), ([3].as_slice(), Some(3), Some(3)));
        let several = after(&[(3, Press::Plain), (1, Press::Range), (9, Press::Plain)]);
        assert_eq!((several.items.as_slice(), several.primary), ([1, 3, 9].as_slice(), Some(9)));
        let outside = several.pressed(&ORDER, 2, Press::Plain);
        assert_eq!((outside.items.as_slice(), outside.primary), ([2].as_slice(), Some(2)));
    }

    #[test]
    fn a_range_goes_by_what_the_view_shows_and_keeps_its_anchor() {
        let there = after(&[(3, Press::Plain), (7, Press::Range)]);
        assert_eq!((there.items.as_slice(), there.primary), ([1, 3, 7, 9].as_slice(), Some(7)));
        let back = there.pressed(&ORDER, 5, Press::Range);
        assert_eq!(back.items, [3, 5]);
        assert_eq!(after(&[(7, Press::Range)]).items, [7]);
        // An anchor that another view shows is none here.
        assert_eq!(after(&[(100, Press::Plain), (7, Press::Range)]).items, [7]);
        // An item that the view does not show.
        assert_eq!(after(&[(3, Press::Plain), (100, Press::Range)]).items, [100]);
    }

    #[test]
    fn a_toggle_takes_in_and_out_and_the_next_one_becomes_primary() {
        let three = after(&[(3, Press::Toggle), (1, Press::Toggle), (9, Press::Toggle)]);
        assert_eq!((three.items.as_slice(), three.primary), ([1, 3, 9].as_slice(), Some(9)));
        let two = three.pressed(&ORDER, 9, Press::Toggle);
        assert_eq!((two.items.as_slice(), two.primary), ([1, 3].as_slice(), Some(1)));
        let other = two.pressed(&ORDER, 3, Press::Toggle);
        assert_eq!((other.items.as_slice(), other.primary), ([1].as_slice(), Some(1)));
        let none = other.pressed(&ORDER, 1, Press::Toggle);
        assert_eq!((none.items.as_slice(), none.primary), ([].as_slice(), None));
    }

    #[test]
    fn keys_say_how() {
        assert_eq!(Press::of(false, false), Press::Plain);
        assert_eq!(Press::of(true, false), Press::Range);
        assert_eq!(Press::of(true, true), Press::Range);
        assert_eq!(Press::of(false, true), Press::Toggle);
    }
}
