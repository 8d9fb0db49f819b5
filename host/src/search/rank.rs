//! Which networks are better than others, where two things count.

/// What a network is worth and what it costs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// More is better: dB.
    pub score: f64,
    /// Less is better.
    pub cost: f64,
}

impl Point {
    /// Tells whether this is nowhere worse than the other and somewhere better.
    pub fn dominates(self, other: Self) -> bool {
        let no_worse = self.score >= other.score && self.cost <= other.cost;
        no_worse && (self.score > other.score || self.cost < other.cost)
    }
}

/// Returns the front of each point: 0 for those that none dominates, 1 for those that none
/// dominates when these are taken away, and so on (non-dominated sorting, NSGA-II).
pub fn fronts(points: &[Point]) -> Vec<usize> {
    let mut fronts = vec![usize::MAX; points.len()];
    for front in 0..points.len() {
        let left: Vec<usize> = (0..points.len())
            .filter(|&i| fronts[i] == usize::MAX)
            .collect();
        for &i in &left {
            if !left.iter().any(|&j| points[j].dominates(points[i])) {
                fronts[i] = front;
            }
        }
    }
    fronts
}

/// Chooses `count` owners of points, each by its best one: by front, and among equals by score.
///
/// * `points` - with the number of the owner of each. Returns owners in ascending order.
pub fn survivors(points: &[(usize, Point)], count: usize) -> Vec<usize> {
    let only: Vec<Point> = points.iter().map(|it| it.1).collect();
    let mut order: Vec<(usize, f64, usize)> = fronts(&only)
        .into_iter()
        .zip(points)
        .map(|(front, (owner, point))| (front, point.score, *owner))
        .collect();
    order.sort_by(|a, b| a.0.cmp(&b.0).then(b.1.total_cmp(&a.1)).then(a.2.cmp(&b.2)));
    let mut chosen = Vec::new();
    for (_, _, owner) in order {
        if chosen.len() < count && !chosen.contains(&owner) {
            chosen.push(owner);
        }
    }
    chosen.sort_unstable();
    chosen
}
