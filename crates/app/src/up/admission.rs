//! What the platform says of limits and budgets, in the gateway's terms.

use gateway::{
    ACCOUNTS_MAX, Account, Accounts, Allowance, Holder, Level, Limits, Measure, Meter, Room,
    Standing,
};
use server::{CallAccount, CallAllowance, CallLevel, CallRoom, CallStanding};
use units::Id;

/// Where a caller stands.
pub(super) fn standing(said: &CallStanding) -> Standing {
    let [organisation_weight, project_weight] = said.weights;
    Standing {
        levels: said.levels.map(|said| said.map(level)),
        organisation: said.organisation.unwrap_or(Id::from_bytes([0; 16])),
        organisation_weight,
        project_weight,
    }
}

fn level(said: CallLevel) -> Level {
    let CallLevel { holder, requests_per_minute, tokens_per_minute, concurrent_max } = said;
    let limits = Limits { requests_per_minute, tokens_per_minute, concurrent_max };
    Level { holder: Holder(holder), limits }
}

/// What budgets leave.
pub(super) fn allowance(said: &CallAllowance) -> Allowance {
    let mut accounts: Accounts = [None; ACCOUNTS_MAX];
    for (place, own) in accounts.iter_mut().zip(&said.accounts) {
        *place = Some(account(*own));
    }
    let [price_in_micro_euro, price_out_micro_euro] = said.prices_micro_euro;
    Allowance {
        epoch: said.epoch,
        recorded: said.recorded,
        accounts,
        rooms: said.rooms.iter().map(room).collect(),
        price_in_micro_euro,
        price_out_micro_euro,
    }
}

fn room(said: &CallRoom) -> Room {
    Room {
        budget: said.budget,
        account: account(said.account),
        measure: if said.is_money { Measure::Money } else { Measure::Tokens },
        left: said.left,
        left_of_all: said.left_of_all,
    }
}

const fn account((owner, within): CallAccount) -> Account {
    Account { owner, within }
}

/// What a gateway has in hand of an account, as of an epoch of shares.
pub(super) fn held(
    meter: &Meter,
    own: CallAccount,
    is_money: bool,
    (prices, epoch): ([i64; 2], u64),
) -> i64 {
    let measure = if is_money { Measure::Money } else { Measure::Tokens };
    let budget = Id::from_bytes([0; 16]);
    let room = Room { budget, account: account(own), measure, left: 0, left_of_all: 0 };
    let [price_in_micro_euro, price_out_micro_euro] = prices;
    let prices =
        Allowance { epoch, price_in_micro_euro, price_out_micro_euro, ..Default::default() };
    meter.held(room, &prices)
}
