//! The method list: its groups and their order.

use innspect_protocol::{Family, MethodInfo};

/// The groups in the order of the list: what answers at once comes first, what takes many passes late.
pub const FAMILIES: [Family; 7] = [
    Family::Cam,
    Family::Gradient,
    Family::Lrp,
    Family::Baseline,
    Family::Pattern,
    Family::Perturbation,
    Family::Activation,
];

/// The methods by group, without empty groups; within one, in the order of the table.
#[must_use]
pub fn grouped(methods: &[MethodInfo]) -> Vec<(Family, Vec<MethodInfo>)> {
    let group = |family: Family| {
        let rows: Vec<MethodInfo> = methods.iter().filter(|method| method.family == family).cloned().collect();
        (!rows.is_empty()).then_some((family, rows))
    };
    FAMILIES.into_iter().filter_map(group).collect()
}

/// The method that stands `by` places further in the list, around its end.
#[must_use]
pub fn step(methods: &[MethodInfo], current: &str, by: isize) -> Option<String> {
    let ids: Vec<String> = grouped(methods).into_iter().flat_map(|(_, rows)| rows).map(|method| method.id).collect();
    let count = ids.len() as isize;
    let at = ids.iter().position(|id| id == current).unwrap_or(0) as isize;
    (count > 0).then(|| ids[(at + by).rem_euclid(count) as usize].clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use innspect_protocol::{LayerNeed, SumRule};

    fn method(id: &str, family: Family) -> MethodInfo {
        MethodInfo {
            id: id.to_owned(),
            name: id.to_owned(),
            family,
            summary: String::new(),
            caveat: String::new(),
            source: String::new(),
            signed: true,
            class_dependent: true,
            sum: SumRule::Free,
            layer: LayerNeed::None,
            targets: Vec::new(),
            concept: false,
            steps: false,
            draws: false,
            pictures: false,
            params: Vec::new(),
        }
    }

    #[test]
    fn the_keys_follow_the_list() {
        let table = [
            method("gradient", Family::Gradient),
            method("rise", Family::Perturbation),
            method("grad_cam", Family::Cam),
        ];
        let groups: Vec<Family> = grouped(&table).into_iter().map(|(family, _)| family).collect();
        assert_eq!(groups, [Family::Cam, Family::Gradient, Family::Perturbation]);
        assert_eq!(step(&table, "grad_cam", 1).as_deref(), Some("gradient"));
        assert_eq!(step(&table, "grad_cam", -1).as_deref(), Some("rise"));
        assert_eq!(step(&[], "grad_cam", 1), None);
    }
}
