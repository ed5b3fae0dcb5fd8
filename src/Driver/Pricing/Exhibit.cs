using Livebed.Kvm.Vms;

namespace Livebed.Driver.Pricing;

/// <summary>A design of the museum: when it was, and what it is.</summary>
/// <param name="Design">a name of the protocol catalogue</param>
/// <param name="Time">kernels that had it, or when it was proposed</param>
/// <param name="Story">in a few sentences</param>
public sealed record Exhibit(string Design, string Time, string Story)
{
    /// <summary>In the order of their time.</summary>
    public static IReadOnlyList<Exhibit> All { get; } =
    [
        new(ProtocolCatalog.Unconditional, "to 5.11 (2008 to 2021)",
            "Every start and end of a range takes mmu_lock and counts. Memslots may change in between, as both halves count whatever they "
            + "find. A fault retries while any range is open, wherever it is."),
        new(ProtocolCatalog.HvaRange, "5.12 (2021)",
            "The same, and KVM remembers the hull of the open ranges, so that a fault outside of it need not retry. This is also what the "
            + "reviewer of 2021 asked for as a first patch: count always, and keep the lock."),
        new(ProtocolCatalog.Rwsem, "v1 and v2 of the series, March and April 2021; never merged",
            "mmu_lock is taken only when a memslot overlaps. So start and end must see the same memslots: "
                + "a semaphore is held for read from "
            + "one to the other, and a memslot update takes it for write. Its destruction initialises it again, as an end may never come."),
        new(ProtocolCatalog.RwsemUnfair, "thought of in the discussion of April 2021",
            "The same with readers that a waiting writer does not block: the deadlock is gone, and so is the bound on the writer's wait."),
        new(ProtocolCatalog.ActiveCount, "5.15 (2021) and later",
            "What was merged. A counter under a spinlock says how many ranges are open. "
                + "A memslot update sleeps until it is 0 and publishes in "
            + "the same critical section. Nothing sleeps between start and end; nothing bounds the update's wait."),
        new(ProtocolCatalog.GfnRange, "6.8 and later",
            "The counter, with a hull of guest frames that is added for each memslot, a look before mmu_lock is taken, "
                + "and ageing without a "
            + "lock."),
    ];
}
