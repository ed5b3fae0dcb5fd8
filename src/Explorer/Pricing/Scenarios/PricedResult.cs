using Livebed.Explorer.Pricing.Worlds;
using Livebed.Kvm.Locks;
using Livebed.Kvm.World;

namespace Livebed.Explorer.Pricing.Scenarios;

/// <summary>One figure of a run.</summary>
/// <param name="Name">as conclusions and JSON name it</param>
/// <param name="Unit">of the value: "ns", "%", "/s", "ms" or nothing</param>
/// <param name="Value">measured in virtual time</param>
public readonly record struct PricedFigure(string Name, string Unit, double Value);

/// <summary>What is counted from a begin to an end: how many, how long, and how many at a time.</summary>
/// <param name="Name">the figure of its mean</param>
/// <param name="Count">that have ended</param>
/// <param name="Nanoseconds">that these took in all</param>
/// <param name="UnderWay">the mean number at a time, measured over time and not from what each took</param>
public readonly record struct PricedFlow(string Name, long Count, long Nanoseconds, double UnderWay);

/// <summary>What a run of a priced scenario came to. All of it is exact for its prices and its seed.</summary>
public sealed class PricedResult
{
    public const string FaultMean = "fault-mean";
    public const string FaultP99 = "fault-p99";
    public const string FaultRate = "fault-rate";
    public const string Guest = "guest";
    public const string Notification = "notification-mean";
    public const string LocksOfNotification = "notification-locks";
    public const string NotificationP99 = "notification-p99";
    public const string NotificationRate = "notification-rate";
    public const string EventMean = "event-mean";
    public const string UpdateMean = "update-mean";
    public const string UpdateMax = "update-max";
    public const string UpdateCount = "updates";
    public const string Done = "done-after";
    public const string Work = "work-rate";

    private readonly Dictionary<string, PricedFigure> _byName;
    private readonly ulong _pricesUsed;

    private PricedResult(PricedScene scene)
    {
        var (bed, world) = (scene.Bed, scene.Bed.World);
        (Setup, Nanoseconds, Hash, Violations) = (scene.Setup, world.Now, world.Hash, world.Violations);
        (Steps, Charges) = (world.Steps, world.Charges);
        Locks = [.. world.Locks.Where(counts => counts.Acquisitions > 0)];
        VcpuTimes = Add(bed.VcpuThreads);
        OtherTimes = Add(world.Threads.Except(bed.VcpuThreads));
        (Vcpus, _pricesUsed) = (bed.VcpuThreads.Count, world.PricesUsed);
        Flows =
        [
            .. new[] { bed.Faults, bed.Notifications, bed.HostEvents, bed.MemslotUpdates }.Where(record => record.Count > 0)
                .Select(record => new PricedFlow(record.Figure, record.Count, record.Total, record.UnderWayAt(world.Now))),
        ];
        var seconds = world.Now / 1e9;
        Figures =
        [
            new(FaultRate, "/s", bed.Faults.Count / seconds),
            new(FaultMean, "ns", bed.Faults.Mean),
            new("fault-p50", "ns", bed.Faults.Percentile(50)),
            new(FaultP99, "ns", bed.Faults.Percentile(99)),
            new("fault-max", "ns", bed.Faults.Max),
            new("fault-retries", "", bed.Vm.Counters.FaultRetries),
            new(Guest, "%", Vcpus == 0 ? 0 : 100.0 * VcpuTimes[(int)Account.Guest] / Vcpus / Math.Max(1, world.Now)),
            new(NotificationRate, "/s", bed.Notifications.Count / seconds),
            new(Notification, "ns", bed.Notifications.Mean),
            new(NotificationP99, "ns", bed.Notifications.Percentile(99)),
            new("notifications-elided", "", bed.Vm.Counters.NotifierElided),
            new(
                LocksOfNotification, "ns",
                bed.Notifications.Count == 0 ? 0 : (double)LinesOfDesign(world) / bed.Notifications.Count),
            new(EventMean, "ns", bed.HostEvents.Mean),
            new(UpdateCount, "", bed.MemslotUpdates.Count),
            new(UpdateMean, "ns", bed.MemslotUpdates.Mean),
            // One that waits still has waited so long already.
            new(UpdateMax, "ns", Math.Max(bed.MemslotUpdates.Max, bed.UpdatesSince is { } since ? world.Now - since : 0)),
            new(Work, "/s", scene.WorkDone / seconds),
            new(Done, "ns", scene.DoneAt),
        ];
        _byName = Figures.ToDictionary(figure => figure.Name, StringComparer.Ordinal);
    }

    public PricedSetup Setup { get; }

    /// <summary>Virtual time that passed.</summary>
    public long Nanoseconds { get; }

    /// <summary>Scheduling points.</summary>
    public long Steps { get; }

    /// <summary>Steps that had their time or their effect: work, lines, locks given back, interrupts, waits that ended.</summary>
    public long Charges { get; }

    /// <summary>Of all events; the same on every machine.</summary>
    public ulong Hash { get; }

    public IReadOnlyList<Violation> Violations { get; }
    public IReadOnlyList<PricedFigure> Figures { get; }
    public IReadOnlyList<PricedLock> Locks { get; }

    /// <summary>Nanoseconds of all vCPUs by <see cref="Account"/>.</summary>
    public IReadOnlyList<long> VcpuTimes { get; }

    /// <summary>Of all other threads.</summary>
    public IReadOnlyList<long> OtherTimes { get; }

    public int Vcpus { get; }

    /// <summary>Of faults, notifications, changes of memory and memslot updates, those that there were.</summary>
    public IReadOnlyList<PricedFlow> Flows { get; }

    /// <summary>Whether the run came to a step of that price.</summary>
    public bool Uses(Price price) => (_pricesUsed & (1UL << (int)price)) != 0;

    /// <summary>A figure by its name.</summary>
    public double this[string figure] => _byName[figure].Value;

    /// <summary>Lines of the locks that a design may take in a notification: KVM's own, and those of a user's protocol.</summary>
    private static long LinesOfDesign(PricedWorld world) => Enumerable.Range(0, LockClass.Count).Select(LockClass.ByIndex)
        .Where(one => one == LockClasses.MmuLock || one == LockClasses.MnInvalidateLock || one == LockClasses.NotifierSlotsLock
            || one == LockClasses.NotifierSlotsLockUnfair || one.Index > LockClasses.MigrationStream.Index)
        .Sum(world.LineTimeOf);

    internal static PricedResult Of(PricedScene scene) => new(scene);

    private static long[] Add(IEnumerable<PricedThread> threads)
    {
        var sum = new long[Enum.GetValues<Account>().Length];
        foreach (var thread in threads)
            for (var account = 0; account < sum.Length; account++) sum[account] += thread.Times[account];
        return sum;
    }
}
