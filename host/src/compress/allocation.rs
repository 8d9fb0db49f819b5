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

/// The forms that each price of a parameter buys.
///
/// For a price each weight takes the form with the least loss and price together. Parameters of
/// weights and multiply-accumulates of a pixel are the same number, so that one price serves both
/// budgets.
#[derive(Clone, Debug)]
pub struct Prices<'a> {
    /// The network.
    pub config: &'a Config,
    /// Its weights.
    pub choices: Vec<Choice<'a>>,
    /// The form of those that are cut.
    pub factored: Factored,
}

impl Prices<'_> {
    /// Returns the forms with the least loss that a budget allows: those of the lowest price at
    /// which the network keeps to it (a Lagrange multiplier, by bisection).
    ///
    /// # Errors
    /// [`CompressError::Budget`] where not even rank 1 fits.
    pub fn within(&self, budget: Budget) -> Result<Vec<Form>, CompressError> {
        let (Budget::Parameters(limit) | Budget::Macs(limit)) = budget;
        let cost = |forms: &[Form]| {
            let forms = forms.iter().copied();
            match budget {
                Budget::Parameters(_) => self.config.parameters(forms),
                Budget::Macs(_) => self.config.macs_per_pixel(forms),
            }
        };
        let free = self.forms(0.0);
        if cost(&free) <= limit {
            return Ok(free);
        }
        let least = cost(&self.smallest());
        if least > limit {
            return Err(CompressError::Budget {
                budget: limit,
                least,
            });
        }
        let (mut low, mut high) = (f64::MIN_POSITIVE.ln(), self.highest().ln());
        for _ in 0..HALVINGS {
            let middle = f64::midpoint(low, high);
            if cost(&self.forms(middle.exp())) > limit {
                low = middle;
            } else {
                high = middle;
            }
        }
        Ok(self.forms(high.exp()))
    }

    /// Returns rank 1 everywhere.
    pub fn smallest(&self) -> Vec<Form> {
        self.forms(self.highest())
    }

    /// Returns the forms of a price.
    pub fn forms(&self, price: f64) -> Vec<Form> {
        let choices = self.choices.iter();
        let forms = choices.map(|choice| cheapest(choice, price, self.factored));
        forms.collect()
    }

    /// Returns a price at which a single parameter outweighs any loss.
    fn highest(&self) -> f64 {
        let losses = self.choices.iter().filter_map(|c| c.losses?.first());
        losses.fold(0.0f64, |most, &loss| most.max(loss)) * 2.0 + 1.0
    }
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
