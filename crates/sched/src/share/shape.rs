//! How queues hang together: parents, children, order.
//!
//! Must never change after it is built, and never hold a cycle.

use super::{DEPTH_MAX, QUEUES_MAX, QueueIdx, QueueSpec, TreeError};

/// The queue whose children are wanted; `None` asks for the roots.
pub(crate) type Group = Option<QueueIdx>;

#[derive(Debug, Clone, Copy)]
struct Link {
    parent: Group,
    /// Position among the siblings.
    slot: usize,
    band: i32,
    weight: u32,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Shape {
    links: Vec<Link>,
    /// Where the children of each queue begin in `members`; then where the roots begin, and end.
    first: Vec<usize>,
    /// Queues by parent, in order of their numbers.
    members: Vec<QueueIdx>,
    /// Parents before children.
    top_down: Vec<QueueIdx>,
}

impl Shape {
    pub(crate) fn new(specs: &[QueueSpec]) -> Result<Self, TreeError> {
        if specs.len() > QUEUES_MAX {
            return Err(TreeError::TooManyQueues { n_queues: specs.len() });
        }
        let mut links: Vec<Link> = specs
            .iter()
            .map(|spec| Link { parent: spec.parent, slot: 0, band: spec.band, weight: spec.weight })
            .collect();
        let mut levels: Vec<Vec<QueueIdx>> = vec![Vec::new(); DEPTH_MAX];
        for queue in (0..specs.len()).map(QueueIdx::from_position) {
            let level = depth(&links, queue)?;
            if let Some(level) = levels.get_mut(level) {
                level.push(queue);
            }
        }
        let (first, members) = by_parent(&mut links);
        Ok(Self { links, first, members, top_down: levels.concat() })
    }

    pub(crate) fn len(&self) -> usize {
        self.links.len()
    }

    pub(crate) fn contains(&self, queue: QueueIdx) -> bool {
        queue.at() < self.links.len()
    }

    pub(crate) fn parent(&self, queue: QueueIdx) -> Group {
        self.links.get(queue.at()).and_then(|link| link.parent)
    }

    pub(crate) fn slot(&self, queue: QueueIdx) -> usize {
        self.links.get(queue.at()).map_or(0, |link| link.slot)
    }

    pub(crate) fn band(&self, queue: QueueIdx) -> i32 {
        self.links.get(queue.at()).map_or(0, |link| link.band)
    }

    pub(crate) fn weight(&self, queue: QueueIdx) -> u32 {
        self.links.get(queue.at()).map_or(0, |link| link.weight)
    }

    /// Where a group's members begin in a list of all queues by group, and how many they are.
    pub(crate) fn range(&self, group: Group) -> (usize, usize) {
        let at = group.map_or(self.links.len(), QueueIdx::at);
        let start = self.first.get(at).copied().unwrap_or(0);
        let end = self.first.get(at.saturating_add(1)).copied().unwrap_or(start);
        (start, end.saturating_sub(start))
    }

    /// Children of a queue, or the roots, in order of their numbers.
    pub(crate) fn members(&self, group: Group) -> &[QueueIdx] {
        let (start, length) = self.range(group);
        self.members.get(start..start.saturating_add(length)).unwrap_or(&[])
    }

    pub(crate) fn is_leaf(&self, queue: QueueIdx) -> bool {
        self.contains(queue) && self.range(Some(queue)).1 == 0
    }

    pub(crate) fn top_down(&self) -> &[QueueIdx] {
        &self.top_down
    }

    /// The queue and all above it, from below.
    pub(crate) fn path(&self, queue: QueueIdx) -> impl Iterator<Item = QueueIdx> + '_ {
        std::iter::successors(self.contains(queue).then_some(queue), |below| self.parent(*below))
    }

    /// The two queues below the lowest common ancestor of two queues, one above (or equal to)
    /// each; `None` if there is no common ancestor or one is above the other.
    pub(crate) fn fork(&self, a: QueueIdx, b: QueueIdx) -> Option<(QueueIdx, QueueIdx)> {
        self.path(a).find_map(|left| {
            let above = self.parent(left)?;
            let right = self.path(b).find(|right| self.parent(*right) == Some(above))?;
            (left != right).then_some((left, right))
        })
    }
}

/// Levels above the queue.
fn depth(links: &[Link], queue: QueueIdx) -> Result<usize, TreeError> {
    let (mut level, mut below) = (0_usize, queue);
    while let Some(parent) = links.get(below.at()).and_then(|link| link.parent) {
        if parent.at() >= links.len() {
            return Err(TreeError::UnknownParent { queue: below, parent });
        }
        level = level.saturating_add(1);
        below = parent;
        // After as many steps as there are queues, one is certainly on the cycle and not before it.
        if level > links.len() {
            return Err(TreeError::Cycle { queue: below });
        }
    }
    if level < DEPTH_MAX { Ok(level) } else { Err(TreeError::TooDeep { queue }) }
}

/// Sorts the queues by parent, roots last, and tells each its position among its siblings.
fn by_parent(links: &mut [Link]) -> (Vec<usize>, Vec<QueueIdx>) {
    let n_queues = links.len();
    let group = |link: &Link| link.parent.map_or(n_queues, QueueIdx::at);
    let mut members: Vec<QueueIdx> = (0..n_queues).map(QueueIdx::from_position).collect();
    members.sort_by_key(|queue| links.get(queue.at()).map(group));
    let mut first = vec![n_queues; n_queues.saturating_add(2)];
    for (position, queue) in members.iter().enumerate().rev() {
        let at = links.get(queue.at()).map_or(n_queues, group);
        if let Some(start) = first.get_mut(at) {
            *start = position;
        }
    }
    // A queue without children begins where the next one does.
    let mut next = n_queues;
    for start in first.iter_mut().rev() {
        next = next.min(*start);
        *start = next;
    }
    for (position, queue) in members.iter().enumerate() {
        let start = links.get(queue.at()).and_then(|link| first.get(group(link))).copied();
        if let (Some(link), Some(start)) = (links.get_mut(queue.at()), start) {
            link.slot = position.saturating_sub(start);
        }
    }
    (first, members)
}
