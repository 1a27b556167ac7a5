//! Pages go on where the one before ended, also when what it ended with is gone.

use serde_json::json;

use super::{Length, Query, page};
use crate::batch::id::Uuid;

fn ask(query: &[(&str, &str)], items: &[u8]) -> Result<Vec<u8>, u16> {
    let query: Query = query.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
    let length = Length { usual: 2, most: 3 };
    let id = |item: &u8| Uuid::from_bytes([*item; 16]);
    let after = |text: &str| text.parse().ok().map(|item| Uuid::from_bytes([item; 16]));
    let show = |item: &u8| json!({"id": item});
    let paged = page(items.to_vec(), (&query, length), after, id, show);
    let paged = paged.map_err(|error| error.status.as_u16())?;
    let data = paged["data"].as_array().unwrap();
    Ok(data.iter().map(|one| u8::try_from(one["id"].as_u64().unwrap()).unwrap()).collect())
}

#[test]
fn a_page_goes_on_after_what_is_gone() {
    let items = [9, 7, 5, 3, 1];
    for (query, wanted) in [
        (&[][..], Ok(vec![9, 7])),
        (&[("limit", "3")], Ok(vec![9, 7, 5])),
        (&[("after", "7")], Ok(vec![5, 3])),
        (&[("after", "8")], Ok(vec![7, 5])),
        (&[("after", "1")], Ok(vec![])),
        (&[("order", "asc"), ("after", "4")], Ok(vec![5, 7])),
        (&[("page", "1"), ("page_size", "2")], Ok(vec![5, 3])),
        (&[("page_size", "99")], Ok(vec![9, 7, 5])),
        (&[("page", "99999999999999999")], Ok(vec![])),
        (&[("limit", "4")], Err(400)),
        (&[("after", "x")], Err(400)),
        (&[("page", "-1")], Err(400)),
    ] {
        assert_eq!(ask(query, &items), wanted, "{query:?}");
    }
}
