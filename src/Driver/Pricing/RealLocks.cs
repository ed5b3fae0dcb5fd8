using System.Diagnostics;
using Livebed.Explorer.Pricing;
using Livebed.Explorer.Pricing.Scenarios;
using Livebed.Kvm.Vms;

namespace Livebed.Driver.Pricing;

/// <summary>
/// What the locks of a lone notification cost on this machine, with locks of the runtime, beside what the model says under a price list:
/// the scenario `uncontended`, held against reality. The runtime's locks do more than the kernel's, so they are to agree in order of
/// magnitude only.
/// </summary>
/// <param name="Design">a protocol</param>
/// <param name="What">the locks that stand for the kernel's</param>
/// <param name="Real">nanoseconds of a start and an end, measured</param>
/// <param name="Model">the same in the model</param>
internal sealed record RealLocks(string Design, string What, double Real, double Model)
{
    private const int Rounds = 5;
    private const int Notifications = 500_000;

    /// <summary>How far apart the two may be.</summary>
    public const double Magnitude = 10;

    public bool Agrees => Real < Model * Magnitude && Model < Real * Magnitude;

    /// <summary>Measures each design's locks; a second of time.</summary>
    /// <param name="prices">of the model beside them</param>
    public static IReadOnlyList<RealLocks> Measure(PriceList prices) =>
    [
        Of(ProtocolCatalog.Unconditional, "ReaderWriterLockSlim, for write, twice", prices, Lock(Written)),
        Of(ProtocolCatalog.Rwsem, "ReaderWriterLockSlim, for read, once", prices, Lock(ReadLocked)),
        Of(ProtocolCatalog.ActiveCount, "SpinLock and a counter, twice", prices, Counted),
    ];

    private static RealLocks Of(string design, string what, PriceList prices, Action notifications)
    {
        // The first round compiles.
        notifications();
        var least = Enumerable.Range(0, Rounds).Min(_ =>
        {
            var begun = Stopwatch.GetTimestamp();
            notifications();
            return Stopwatch.GetElapsedTime(begun).TotalNanoseconds / Notifications;
        });
        var model = PricedScenarios.Find("uncontended")!.Play(new PricedSetup(design, prices))[PricedResult.LocksOfNotification];
        return new RealLocks(design, what, least, model);
    }

    private static Action Lock(Action<ReaderWriterLockSlim> notifications) => () =>
    {
        using var one = new ReaderWriterLockSlim();
        notifications(one);
    };

    /// <summary>mmu_lock at the start, and again at the end.</summary>
    private static void Written(ReaderWriterLockSlim one)
    {
        for (var i = 0; i < 2 * Notifications; i++)
        {
            one.EnterWriteLock();
            one.ExitWriteLock();
        }
    }

    /// <summary>The semaphore from start to end.</summary>
    private static void ReadLocked(ReaderWriterLockSlim one)
    {
        for (var i = 0; i < Notifications; i++)
        {
            one.EnterReadLock();
            one.ExitReadLock();
        }
    }

    /// <summary>mn_active_invalidate_count under its spinlock, at the start and at the end.</summary>
    private static void Counted()
    {
        var (one, count) = (new SpinLock(enableThreadOwnerTracking: false), 0L);
        for (var i = 0; i < 2 * Notifications; i++)
        {
            var isTaken = false;
            one.Enter(ref isTaken);
            count += i % 2 == 0 ? 1 : -1;
            one.Exit();
        }

        if (count != 0) throw new InvalidOperationException("as many ranges end as begin");
    }
}
