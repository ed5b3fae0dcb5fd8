namespace Livebed.Kvm.Checks;

/// <summary>The defects of user space: of devices, migrations and the inventory of VMs.</summary>
public sealed partial record Mutant
{
    public static readonly Mutant DeviceWriteWithoutMark = OfUserSpace(
        "a device of user space writes guest memory and marks nothing", "8", "cloud-hypervisor 2458",
        [Invariants.NoLostDirtyPage, Invariants.SameMemory], "migration-device-writes", "migration-faults");

    public static readonly Mutant DeviceWriteMarksWrongAddress = OfUserSpace(
        "a device behind an IOMMU marks its own address of the page that it wrote, and not the guest's", "8", "cc5e71075947",
        [Invariants.NoLostDirtyPage, Invariants.SameMemory], "migration-device-writes", "migration-faults");

    public static readonly Mutant DeviceWritesAfterFinalSync = OfUserSpace(
        "devices are stopped only when their state is saved, after the final sync", "8", "",
        [Invariants.NoLostDirtyPage, Invariants.SameMemory], "migration-device-writes", "migration-faults");

    public static readonly Mutant FinalSyncLosesPage = OfUserSpace(
        "the final sync of a migration loses a dirty bit", "S6", "", [Invariants.NoLostDirtyPage, Invariants.SameMemory],
        "migration-precopy", "migration");

    public static readonly Mutant NoRoundBarrier = OfUserSpace(
        "rounds of a multifd migration overlap: an old copy of a page overtakes a new one", "m15", "",
        [Invariants.NoLostDirtyPage, Invariants.SameMemory, Invariants.GuestMemory], "migration-channels", "migration-faults");

    public static readonly Mutant LatePageInPostcopy = OfUserSpace(
        "a page of pre-copy arrives in post-copy and is taken", "8", "",
        [Invariants.NoLostDirtyPage, Invariants.SameMemory, Invariants.GuestMemory, Invariants.FaultProgress],
        "migration-postcopy", "migration-faults");

    public static readonly Mutant CancelKeepsThrottle = OfUserSpace(
        "a cancelled migration leaves its throttle on the vCPUs", "8", "", [Invariants.SourceRestored], "migration-cancel",
        "migration-faults");

    public static readonly Mutant BothRunAfterFailedHandOver = OfUserSpace(
        "the source runs on when the answer to the hand-over is lost", "8", "", [Invariants.OneOwner], "migration-hand-over",
        "migration-faults");

    public static readonly Mutant SourceResumesWithoutClaim = OfUserSpace(
        "a source whose hand-over failed looks up the owner instead of claiming the VM: a late take-over makes a second one", "8", "",
        [Invariants.OneOwner], "migration-inventory-twice");

    public static readonly Mutant InventoryIgnoresTerms = OfUserSpace(
        "a host takes the answers of an inventory that was replaced", "8", "", [Invariants.OneOwner, Invariants.RunsSomewhere],
        "migration-inventory-twice");

    public static readonly Mutant StaleEpochRunsOn = OfUserSpace(
        "a host whose lease has run out goes on running its guests under an epoch that is over", "8", "", [Invariants.OneOwner],
        "migration-partition");

    public static readonly Mutant InventoryDoesNotWait = OfUserSpace(
        "a new inventory grants VMs before the leases of hosts that it cannot reach have run out", "8", "", [Invariants.OneOwner],
        "migration-partition");

    public static readonly Mutant NeverGivesUp = OfUserSpace(
        "a source in post-copy waits for ever for a link that does not come back", "8", "",
        [Invariants.FaultProgress, Invariants.MigrationProgress], "destroy-while-incoming");

    public static readonly Mutant NoCommandDrain = OfUserSpace(
        "a teardown does not wait for commands that run", "7", "", [Invariants.Teardown], "migration-vs-destroy");

    public static readonly Mutant CancelKeepsLogging = OfUserSpace(
        "a migration that was given up leaves dirty logging on", "8", "", [Invariants.SourceRestored], "migration-cancel");

    public static readonly Mutant SourceVcpusRunOnSilently = OfUserSpace(
        "the source's vCPUs run on after the hand-over, and it does not say so", "8", "", [Invariants.OneOwner], "migration-postcopy");

    public static readonly Mutant RetryKeepsOldDirtySet = OfUserSpace(
        "a migration that is tried again sends only what the one before it had still to send", "8", "Firecracker 4545",
        [Invariants.SameMemory, Invariants.NoLostDirtyPage, Invariants.GuestMemory], "migration-retry");

    public static readonly Mutant ClearBeyondGet = OfUserSpace(
        "clearing the log of a batch takes the bits of its neighbours, which get has not reported", "4.4", "QEMU 9f4bf4baa8b8",
        [Invariants.NoLostDirtyPage, Invariants.SameMemory], "migration-precopy");

    public static readonly Mutant ZeroPageNotReceived = OfUserSpace(
        "the destination does not note that a zero page has arrived", "8", "QEMU 249543d0c02d",
        [Invariants.FaultProgress, Invariants.MigrationProgress], "postcopy-vs-host");

    public static readonly Mutant DiscardDuringPostcopy = OfUserSpace(
        "user space discards pages at the destination while post-copy brings them", "8", "QEMU 371ff5a3f04c",
        [Invariants.FaultProgress, Invariants.MigrationProgress, Invariants.GuestMemory], "postcopy-vs-host");

    public static readonly Mutant VcpuStateLosesAccess = OfUserSpace(
        "the state of a vCPU that migrates lacks the access that it was about to make", "8", "", [Invariants.SameMemory],
        "migration-precopy");

    public static readonly Mutant HandOverDropsReadOnly = OfUserSpace(
        "a memslot that is read-only is writable after a migration", "8", "", [Invariants.MemslotsAsAsked], "migration-read-only");

    public static readonly Mutant DrainForgetsWantedPages = OfUserSpace(
        "the drain before the end of post-copy does not wait for pages that vCPUs have asked for", "8", "",
        [Invariants.MigrationProgress], "postcopy-last-page");

    public static readonly Mutant LastReportWins = OfUserSpace(
        "a new inventory believes the last report of a VM instead of the one with the highest epoch", "8", "",
        [Invariants.OneOwner, Invariants.RunsSomewhere], "migration-inventory-dies");

    public static readonly Mutant NotResumedAfterHandOver = OfUserSpace(
        "a source that gets the VM back after a failed hand-over does not resume its vCPUs", "8", "", [Invariants.RunsSomewhere],
        "migration-destination-dies");

    public static readonly Mutant ResumesUnderOldEpoch = OfUserSpace(
        "a source that gets the VM back after a failed hand-over resumes its vCPUs under the epoch that is over", "8", "",
        [Invariants.OneOwner], "migration-destination-dies");

    public static readonly Mutant DrainWakesOne = OfUserSpace(
        "user space that waits until nothing of a kind is under way wakes one of two that wait", "8", "",
        [Invariants.MigrationProgress, Invariants.FaultProgress], "migration-vs-memslot-at-begin");

    public static readonly Mutant EndsWithoutStatus = OfUserSpace(
        "a migration that was cancelled is over, and its status is cancelling still", "8", "", [Invariants.AsOrdered],
        "migration-cancel");

    public static readonly Mutant SecondWaiterAsks = OfUserSpace(
        "not the first vCPU that waits for a page asks the source for it, but the second", "8", "",
        [Invariants.MigrationProgress], "postcopy-wanted-first");

    public static readonly Mutant ThrottleNeverSleeps = OfUserSpace(
        "a vCPU that is throttled does not sleep", "8", "", [Invariants.Effect, Invariants.FaultProgress], "throttle-takes-effect");

    public static readonly Mutant LinkTwiceAsFast = OfUserSpace(
        "a stream takes half of the time that its bytes need at its bandwidth", "8", "", [Invariants.AsOrdered],
        "migration-bounded-rate");

    public static readonly Mutant DowntimeLimitIgnored = OfUserSpace(
        "a migration stops its guest whatever the downtime will be", "8", "", [Invariants.AsOrdered], "migration-bounded-rate");

    public static readonly Mutant SourceKeepsMemory = OfUserSpace(
        "a source destroys the VM that has moved, and its process stays with the memory", "8", "",
        [Invariants.SourceRestored, Invariants.Teardown], "migration-precopy");

    public static readonly Mutant AbandonForgotten = OfUserSpace(
        "a destination that is told to give up while it prepares has forgotten it when it is prepared", "8", "", [Invariants.Teardown],
        "abandon-while-preparing");

    public static readonly Mutant RepeatedCompareCounts = OfUserSpace(
        "a destination that is asked twice to compare a piece of memory counts its pages twice", "8", "",
        [Invariants.MigrationProgress, Invariants.SameMemory, Invariants.GuestMemory], "migration-repeats");

    public static readonly Mutant FullHostPrepares = OfUserSpace(
        "a destination that has no memory for the VM says that it is prepared", "8", "", [Invariants.MigrationProgress],
        "migration-full-host");

    public static readonly Mutant SourceLetsGoUnanswered = OfUserSpace(
        "a source whose second offer has no answer either gives up its record of the VM: an inventory that begins then knows of none", "8",
        "", [Invariants.RunsSomewhere], "migration-inventory-dies");

    public static readonly Mutant ReleasesNewerRecord = OfUserSpace(
        "a source that has let a VM go deletes its host's record of it, although the VM has come back meanwhile", "8", "",
        [Invariants.OneOwner], "migration-back-at-once");

    public static readonly Mutant DestinationGivesClaimUp = OfUserSpace(
        "a destination that hears nothing of its claim for 10 s drops the VM, which the inventory may have granted to it", "8", "",
        [Invariants.RunsSomewhere], "inventory-unheard");

    public static readonly Mutant DestroyGivesClaimUp = OfUserSpace(
        "a destination that is destroyed when it has heard nothing of its claim for 10 s does not ask again: its entry is never taken out",
        "8", "", [Invariants.OneOwner, Invariants.RunsSomewhere], "destroy-unheard");

    public static readonly Mutant StateSavedBeforePause = OfUserSpace(
        "the source takes the state of its vCPUs before they have stopped: it lacks what their guests do until then", "8", "",
        [Invariants.SameMemory, Invariants.Effect], "migration-postcopy");

    public static readonly Mutant DevicesStayStopped = OfUserSpace(
        "a source that gets the VM back after a hand-over that failed or was cancelled leaves its devices stopped", "8", "",
        [Invariants.FaultProgress], "migration-devices-go-on");

    public static readonly Mutant MigrationJoinsLogStep = OfUserSpace(
        "a migration begins while a step of user space's own dirty log is under way, which then uses the migration's log", "8", "",
        [Invariants.NoLostDirtyPage, Invariants.SameMemory, Invariants.GuestMemory], "migration-vs-log-at-begin");

    public static readonly Mutant PagesEndAfterCommands = OfUserSpace(
        "a teardown in post-copy waits for commands that run before it ends their wait for pages, which may never come", "8", "",
        [Invariants.TeardownProgress, Invariants.FaultProgress], "postcopy-vs-destroy");

    public static readonly Mutant FinishesLostGuest = OfUserSpace(
        "a destination that is asked whether it lacks pages, while it gives its guest up, counts after that and calls it complete", "8", "",
        [Invariants.RunsSomewhere], "postcopy-late-calls");

    public static readonly Mutant LosesWholeGuest = OfUserSpace(
        "a destination whose source is gone gives its guest up, although the last page has come while it counted", "8", "",
        [Invariants.RunsSomewhere], "postcopy-late-calls");

    public static readonly Mutant OlderGrantRecorded = OfUserSpace(
        "a host records an answer of an older epoch that comes after a newer one", "8", "",
        [Invariants.OneOwner, Invariants.RunsSomewhere], "migration-repeats");

    public static readonly Mutant LateRecordComesBack = OfUserSpace(
        "a host records an answer that comes when the VM has left it", "8", "", [Invariants.OneOwner], "migration-repeats");

    public static readonly Mutant ClaimantTakesAnyEpoch = OfUserSpace(
        "a source that claims its VM takes any epoch of its host for its grant, also that of a VM that has come back", "8", "",
        [Invariants.OneOwner], "migration-back-at-once");

    public static readonly Mutant LateRegistrationStays = OfUserSpace(
        "an inventory registers a VM that was removed: the entry is never taken out again", "8", "", [Invariants.OneOwner],
        "destroy-late-calls");

    public static readonly Mutant LostLogNotSeen = OfUserSpace(
        "a migration does not see that a memslot has lost its dirty log, or was made again", "8", "",
        [Invariants.NoLostDirtyPage, Invariants.SameMemory, Invariants.GuestMemory], "migration-vs-host");

    public static readonly Mutant UrgentBytesTakeNoTime = OfUserSpace(
        "pages that a vCPU waits for in post-copy do not put off the bytes that are on their way", "8", "", [Invariants.AsOrdered],
        "postcopy-wanted-first");

    public static readonly Mutant IdleShareServedFirst = OfUserSpace(
        "a stream that begins, or had nothing to send, is served ahead of the others of its link until it has sent as much as they", "8",
        "", [Invariants.AsOrdered], "migrations-share-link");
}
