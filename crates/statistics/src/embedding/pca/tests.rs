use super::*;

fn pca(values: Vec<f32>, rows: usize, columns: usize, components: usize) -> Pca {
    let mut pca = Pca::new(Features::new(values, rows, columns).unwrap(), components);
    pca.finish();
    pca
}

/// Features with clear components: column c has a spread of 0.8^c.
fn spread(rows: usize, columns: usize) -> Vec<f32> {
    let mut random = fastrand::Rng::with_seed(3);
    (0..rows * columns).map(|at| (random.f32() - 0.5) * 0.8_f32.powi((at % columns) as i32)).collect()
}

#[test]
fn a_line_has_one_component() {
    let line = pca(vec![1.0, 2.0, 2.0, 4.0, 3.0, 6.0], 3, 2, 2);
    let length = 5.0_f32.sqrt();
    for (found, wanted) in line.coordinates().iter().zip([-length, 0.0, 0.0, 0.0, length, 0.0]) {
        assert!((found - wanted).abs() < 1e-5, "{:?}", line.coordinates());
    }
    let ratio = line.explained_variance_ratio();
    assert!((ratio[0] - 1.0).abs() < 1e-9 && ratio[1] == 0.0);
}

#[test]
fn rows_and_columns_give_the_same_components() {
    // 70 × 90 goes by rows, 140 × 90 by columns; both by iteration.
    let (rows, columns) = (70, 90);
    let values = spread(rows, columns);
    let by_rows = pca(values.clone(), rows, columns, 3);
    // The same rows twice: the same components, by columns.
    let twice = pca([values.clone(), values].concat(), 2 * rows, columns, 3);
    assert!(by_rows.dual && !twice.dual);
    for (a, b) in by_rows.loadings().iter().zip(twice.loadings()) {
        assert!((a - b).abs() < 1e-4, "{a} {b}");
    }
    for (a, b) in by_rows.explained_variance_ratio().iter().zip(twice.explained_variance_ratio()) {
        assert!((a - b).abs() < 1e-6);
    }
}

#[test]
fn a_wide_table_needs_no_matrix_of_products() {
    let (rows, columns) = (2049, 2050);
    let mut random = fastrand::Rng::with_seed(3);
    // Two directions and little noise.
    let values: Vec<f32> = (0..rows)
        .flat_map(|_| {
            let (a, b) = (random.f32() - 0.5, random.f32() - 0.5);
            let mut noise = random.fork();
            (0..columns)
                .map(move |c| {
                    let waves = ((c as f32 * 0.01).sin() * 3.0 * a, (c as f32 * 0.02).cos() * b);
                    waves.0 + waves.1 + 0.01 * (noise.f32() - 0.5)
                })
                .collect::<Vec<_>>()
        })
        .collect();
    let wide = pca(values.clone(), rows, columns, 2);
    let small = pca(values[..1500 * columns].to_vec(), 1500, columns, 2);
    let ratio = wide.explained_variance_ratio();
    assert!(ratio[0] + ratio[1] > 0.99, "{ratio:?}");
    for (one, other) in wide.loadings().chunks(columns).zip(small.loadings().chunks(columns)) {
        assert!(dot32(one, other).abs() > 0.999);
    }
}

#[test]
fn any_table_has_coordinates() {
    for (values, rows, columns) in [
        (vec![], 0, 3),
        (vec![], 3, 0),
        (vec![5.0; 3], 1, 3),
        (vec![7.0; 12], 4, 3),
        (vec![f32::NAN; 6], 2, 3),
        (vec![f32::MAX, f32::MIN, 1.0, f32::INFINITY, f32::NAN, -1.0], 3, 2),
    ] {
        let done = pca(values, rows, columns, 2);
        assert_eq!(done.coordinates().len(), rows * done.components());
        assert!(done.coordinates().iter().all(|value| value.is_finite()));
    }
}
