using System.Runtime.CompilerServices;

namespace Livebed.Kvm.Checks;

/// <summary>
/// A case that matters: two operations met in the way that a check is about. The model says where it happens; a verdict that never saw the
/// cases that it is about proves nothing. `livebed list reached` prints this catalogue, docs/explorer.md says how it is used.
/// </summary>
public sealed class ReachedCase
{
    /// <summary>A schedule's cases are the bits of one number.</summary>
    public const int CasesMax = 128;

    private static readonly List<ReachedCase> _all = [];

    public static readonly ReachedCase FaultRetried = new("a fault began again for a range that is open or has ended meanwhile");
    public static readonly ReachedCase RetryForOpenRange = new("the check under mmu_lock found an open range");
    public static readonly ReachedCase RetryForSequence = new("the check under mmu_lock found that a range has ended since the lookup");
    public static readonly ReachedCase RetryBeforeLock = new("the look without mmu_lock found that the fault would retry");
    public static readonly ReachedCase FaultOnInvalidMemslot = new("a fault found its memslot INVALID");
    public static readonly ReachedCase FaultMetFault = new("a fault found that another had mapped its page meanwhile");
    public static readonly ReachedCase FaultOnDyingVm = new("a vCPU faulted after destroy had begun");
    public static readonly ReachedCase MmioExit = new("a fault left to user space, as no memslot has its page");
    public static readonly ReachedCase FastPageFaultDone = new("a write-protected SPTE was made writable without mmu_lock");
    public static readonly ReachedCase FastPageFaultLost = new("the SPTE changed between the read and the cmpxchg of a fast page fault");

    public static readonly ReachedCase StartElided = new("range_start did without mmu_lock, as no memslot overlaps");
    public static readonly ReachedCase RangesOverlap = new("a range began while another one was open");
    public static readonly ReachedCase RangeOverInvalidMemslot = new("range_start walked over a memslot that is being deleted");
    public static readonly ReachedCase RangeOverSeveralMemslots = new("a range covered pages of several memslots");
    public static readonly ReachedCase RangeBeyondMemslot = new("a range began before its memslot or ended behind it");
    public static readonly ReachedCase ZapYielded = new("a zap gave up mmu_lock in between");
    public static readonly ReachedCase ZapYieldedInNextMemslot = new(
        "a zap gave up mmu_lock while it owed the flush of the memslot before");

    public static readonly ReachedCase StartWhilePublishing = new("a range began while a memslot update waited to publish");
    public static readonly ReachedCase PublishMetRange = new("a memslot update was about to publish while a range was open");
    public static readonly ReachedCase EndAfterDestroyBegan = new("range_end came after destroy had begun");
    public static readonly ReachedCase DestroyInsideRange = new("the notifier was unregistered between start and end of a range");
    public static readonly ReachedCase RangeRefused = new("a subscriber refused a range that must not sleep");
    public static readonly ReachedCase ReleasedTwice = new("release found that another one had detached the page table");

    public static readonly ReachedCase MemslotRefused = new("a memslot update was refused");
    public static readonly ReachedCase MemslotZapped = new("a memslot with mapped pages was deleted or moved");
    public static readonly ReachedCase RingFull = new("a vCPU left the guest with a full dirty ring");
    public static readonly ReachedCase RingFullInMove = new("a dirty ring was full while its memslot moved");
    public static readonly ReachedCase RingEntryOutdated = new("a ring reset skipped entries of a memslot that is gone, or beyond it");
    public static readonly ReachedCase LogReadDirty = new("a read of the dirty log found dirty pages");
    public static readonly ReachedCase LogTakenFromWords = new("a read or clear of the dirty log took bits of several words");
    public static readonly ReachedCase LookupOutdated = new(
        "an ioctl on a dirty log found another memslot, or none, than before it had slots_lock");

    public static readonly ReachedCase PageMerged = new("KSM merged a page");
    public static readonly ReachedCase HeldPageLeft = new("reclaim or compaction left a page alone, as something held a reference to it");
    public static readonly ReachedCase MergeGivenUp = new("KSM gave a merge up, as a fault held a reference to the page");
    public static readonly ReachedCase MergeBroken = new("a write copied a merged page");
    public static readonly ReachedCase SharedPageCopied = new("a write copied a page that is not merged, as a child of fork may share it");

    public static readonly ReachedCase KeptPagesGoAlong = new(
        "a fault's call to the host gave back pages that faults before it were done with");

    public static readonly ReachedCase CopyFoundNoFrame = new("a write had to copy a page, and the host had no frame left");

    public static readonly ReachedCase HostWasFull = new("a host refused a VM, as it had no memory left to promise");

    public static readonly ReachedCase PageDirtiedAgain = new("a sync of a migration found pages dirty that had been sent");
    public static readonly ReachedCase DeviceDirtiedPage = new(
        "a sync found a page dirty that a device of user space had written, and no other log had");
    public static readonly ReachedCase DeviceDrained = new("a final sync waited for a write of a device that was under way");
    public static readonly ReachedCase LogStepMetMigration = new(
        "a migration began while a step of user space's own dirty log was under way");
    public static readonly ReachedCase MigratedAgain = new("a migration began after another attempt from the same host had ended");
    public static readonly ReachedCase GuestThrottled = new("a migration slowed its guest down");
    public static readonly ReachedCase GuestWaitedForPage = new("a guest in post-copy waited for a page");
    public static readonly ReachedCase DeviceWaitedForPage = new("a device of a VM in post-copy waited for a page");
    public static readonly ReachedCase PageAskedEarly = new("a page was asked for before the source knew that the destination runs");
    public static readonly ReachedCase PageAskedOnItsWay = new("a page was asked for that was already on its way");
    public static readonly ReachedCase DiscardedInPostcopy = new("user space wanted to discard memory while post-copy brought it");
    public static readonly ReachedCase LinkBrokeInPostcopy = new("the link broke in post-copy");
    public static readonly ReachedCase LinkRecovered = new("post-copy went on over a link that had broken");
    public static readonly ReachedCase CancelInSetup = new("a cancel came in the set-up of a migration");
    public static readonly ReachedCase CancelInPrecopy = new("a cancel came in pre-copy");
    public static readonly ReachedCase CancelInSwitchover = new("a cancel came in the switchover");
    public static readonly ReachedCase CancelInPostcopy = new("a cancel came in post-copy and was refused");
    public static readonly ReachedCase CancelTooLate = new("a cancel came when the migration was over, or had not begun");
    public static readonly ReachedCase AbandonedWhilePreparing = new("a source gave a migration up while the destination prepared");
    public static readonly ReachedCase HandOverUnanswered = new("the destination did not answer that it took the VM over");
    public static readonly ReachedCase ClaimUnanswered = new("a claim of a VM got no answer from the inventory");
    public static readonly ReachedCase OfferedAgain = new("the source offered a VM again that the destination owned without an answer");

    public static readonly ReachedCase HandOverKept = new("the source kept its VM after a hand-over that failed");
    public static readonly ReachedCase DestroyInMigration = new("a VM was destroyed while it migrated", isOfScene: true);
    public static readonly ReachedCase DestroyWithoutInventory = new("a VM was destroyed while the inventory was away", isOfScene: true);
    public static readonly ReachedCase DeathInMigration = new("a machine died while a VM migrated", isOfScene: true);
    public static readonly ReachedCase StandstillInMigration = new("a machine stood still while a VM migrated", isOfScene: true);
    public static readonly ReachedCase InventoryReplacedInMigration = new(
        "the inventory was replaced while a VM migrated", isOfScene: true);
    public static readonly ReachedCase LeaseLapsed = new("a host's lease was over before it was renewed, and its guests stood still");
    public static readonly ReachedCase PartitionInMigration = new(
        "a host was cut off with the inventory, and given up while it lived, in a migration", isOfScene: true);

    public static readonly ReachedCase MigratedBackUnheard = new(
        "a VM was ordered back before its first source had heard that it had moved", isOfScene: true);

    public static readonly ReachedCase CallRepeated = new("a call of a migration arrived twice", isOfScene: true);

    private ReachedCase(string sentence, bool isOfScene = false, [CallerMemberName] string field = "")
    {
        (Name, Sentence, Index, IsOfScene) = (KebabCase.Of(field), sentence, _all.Count, isOfScene);
        _all.Add(this);
    }

    /// <summary>Every case, in the order of this file; at most <see cref="CasesMax"/>.</summary>
    public static IReadOnlyList<ReachedCase> All => _all;

    /// <summary>"retry-for-open-range" for <see cref="RetryForOpenRange"/>.</summary>
    public string Name { get; }

    /// <summary>What happened.</summary>
    public string Sentence { get; }

    /// <summary>Only a scene of the explorer can tell; a cluster never counts it.</summary>
    public bool IsOfScene { get; }

    /// <summary>Its place in <see cref="All"/>, the same in every process.</summary>
    public int Index { get; }

    /// <summary>Null when there is none of that name.</summary>
    public static ReachedCase? Find(string name) => _all.Find(one => one.Name == name);

    public override string ToString() => Name;
}
