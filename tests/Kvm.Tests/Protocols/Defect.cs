namespace Livebed.Kvm.Tests.Protocols;

/// <summary>What a <see cref="TextbookProtocol"/> gets wrong; the numbers are the interleavings of kvm-protocol 2.7 that it
/// opens.</summary>
internal enum Defect
{
    None,

    /// <summary>I1: takes mmu_lock and counts only where a memslot overlaps, and lets memslots change in between.</summary>
    ElidesWithoutBlocking,

    /// <summary>I2: the retry check looks at the count only.</summary>
    IgnoresSequence,

    /// <summary>I3: the retry check looks at the sequence only.</summary>
    IgnoresCount,

    /// <summary>None, but end works without mmu_lock, in the right order: sequence, then count.</summary>
    LocklessEnd,

    /// <summary>I5: end works without mmu_lock, count before sequence.</summary>
    CountDropsBeforeSequence,

    /// <summary>I6: the range joins the hull only after the zap, which may have yielded mmu_lock.</summary>
    HullAfterZap,

    /// <summary>I8: an end forgets the hull although another range is in progress.</summary>
    HullForgottenAtEveryEnd,
}
