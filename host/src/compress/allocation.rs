//! The rank of each weight for a budget.

use mambalite_kernels::config::Weight;
use mambalite_kernels::{Config, Form};

use super::{Budget, CompressError, Factored};

/// Halvings of the range of prices; the sums are whole numbers, so that this many suffice.
const HALVINGS: usize = 100;

/// A weight, and what its ranks lose.
#[derive(Clone, Copy, Debug)]
pub struct Choice<'a> {
    /// The weight.
    pub weight: Weight,
    /// Its form now.
    pub form: Form,
    /// Losses by rank from 0 on; nothing for a weight that stays as it is.
    pub losses: Option<&'a [f64]>,
}

/// Chooses the forms with the least loss that a budget allows.
///
/// For a price of a parameter each weight takes the form with the least loss and price; the price
/// is the lowest at which the network keeps to the budget (a Lagrange multiplier, by bisection).
/// Parameters of weights and multiply-accumulates of a pixel are the same number, so that one
/// price serves both budgets.
///
/// # Errors
/// [`CompressError::Budget`] where not even rank 1 fits.
pub fn allocate(
    config: &Config,
    choices: &[Choice<'_>],
    budget: Budget,
    factored: Factored,
) -> Result<Vec<Form>, CompressError> {
    let at = |price: f64| -> Vec<Form> {
        choices
            .iter()
            .map(|choice| cheapest(choice, price, factored))
            .collect()
    };
    let (Budget::Parameters(limit) | Budget::Macs(limit)) = budget;
    let cost = |forms: &[Form]| {
        let forms = forms.iter().copied();
        match budget {
            Budget::Parameters(_) => config.parameters(forms),
            Budget::Macs(_) => config.macs_per_pixel(forms),
        }
    };
    if cost(&at(0.0)) <= limit {
        return Ok(at(0.0));
    }
    let losses = choices.iter().filter_map(|c| c.losses?.first());
    let most = losses.fold(0.0f64, |most, &loss| most.max(loss));
    // At this price a single parameter outweighs any loss.
    let (mut low, mut high) = (f64::MIN_POSITIVE.ln(), (most * 2.0 + 1.0).ln());
    let least = cost(&at(high.exp()));
    if least > limit {
        return Err(CompressError::Budget {
            budget: limit,
            least,
        });
    }
    for _ in 0..HALVINGS {
        let middle = (low + high) / 2.0;
        if cost(&at(middle.exp())) > limit {
            low = middle;
        } else {
            high = middle;
        }
    }
    Ok(at(high.exp()))
}

/// Returns the form with the least loss and price.
fn cheapest(choice: &Choice<'_>, price: f64, factored: Factored) -> Form {
    let Some(losses) = choice.losses else {
        return choice.form;
    };
    let total = |form: Form| {
        let loss = form.rank().map_or(0.0, |rank| losses[rank]);
        loss + price * choice.weight.parameters(form) as f64
    };
    let form = |rank| match factored {
        Factored::LowRank => Form::LowRank(rank),
        Factored::IdentityRows => Form::IdentityRows(rank),
    };
    // Identity rows leave at least one output that is none.
    let ranks = 1..(losses.len() - 1).min(choice.weight.outputs);
    ranks.map(form).fold(Form::Dense, |best, form| {
        if total(form) < total(best) {
            form
        } else {
            best
        }
    })
}
