use super::{NameError, name};

const MESSAGE: &str = "Enter a valid username. This value may contain only letters, numbers and @/./+/-/_ characters.";

name!(
    /// A user's name: at most 150 letters, digits and `@ . + - _`.
    Username,
    |text| {
        if text.is_empty() {
            return Err(NameError("This field may not be blank."));
        }
        if text.chars().count() > 150 {
            return Err(NameError("Ensure this field has no more than 150 characters."));
        }
        let is_fine = text.chars().all(|char| char.is_alphanumeric() || "@.+-_".contains(char));
        if is_fine { Ok(()) } else { Err(NameError(MESSAGE)) }
    }
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_digits_and_a_few_signs() {
        for good in ["bob", "Jürgen", "a@b.c+d-e_f", "1"] {
            assert_eq!(good.parse::<Username>().unwrap().as_str(), good);
        }
        for bad in ["", "a b", "a/b", "a\n", "x:y", &"x".repeat(151)] {
            assert!(bad.parse::<Username>().is_err(), "{bad:?}");
        }
    }
}
