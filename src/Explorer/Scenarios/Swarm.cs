using Livebed.Explorer.Beds;
using Livebed.Kvm.Checks;
using Livebed.Kvm.DirtyLog;
using Livebed.Kvm.Host.Events;
using Livebed.Kvm.Memslots;
using Livebed.Kvm.UserSpace;
using Livebed.Kvm.Vms;
using Livebed.Kvm.World;

namespace Livebed.Explorer.Scenarios;

/// <summary>
/// Claim: whatever happens at once, nothing breaks, hangs or is left behind (all of S and L). The seed draws the scene as well as the
/// schedule: the features of the VM, the kinds of events, and every operation of every actor. Each scene leaves some kinds out, which finds
/// what a mix of all hides (swarm testing). A shrinker can leave out single operations. The VM goes at the end, or in the middle of
/// everything; others may come and go beside it.
/// </summary>
internal sealed class Swarm : Scenario
{
    /// <summary>A nested range is drawn apart.</summary>
    private static readonly HostEventKind[] HostKinds =
        [.. HostEventKind.Events.Where(kind => kind != HostEventKind.NestedRange)];

    public override string Name => "swarm";
    public override string Claim => "whatever happens at once, nothing breaks, hangs or is left behind";
    public override IReadOnlyList<ReachedCase> Needs { get; } =
        [ReachedCase.FaultRetried, ReachedCase.RangeOverSeveralMemslots, ReachedCase.RangeBeyondMemslot];
    public override bool IsDrawnFromSeed => true;

    public override IReadOnlyList<ScenarioParameter> Parameters =>
    [
        new("workers", "tasks at most", 5, 2, 16),
        new("operations", "operations of each at most", 12, 1, 200),
    ];

    public override void LayOut(ScenarioPlan plan)
    {
        var random = plan.Random;
        plan.Options = DrawOptions(plan.Options, random);
        plan.StepsMax = 1_000_000;
        List<HostEventKind> kinds = [.. HostKinds.Where(_ => random.Chance(0.6)), HostEventKind.Spurious];
        // A fair rwsem deadlocks under nested ranges, which is the claim of another scenario and no finding here.
        if (plan.Options.Protocol != "rwsem" && random.Chance(0.5)) kinds.Add(HostEventKind.NestedRange);

        var vcpus = 1 + random.Next(3);
        for (var vcpu = 0; vcpu < vcpus; vcpu++) DrawGuest(plan, random);
        for (var worker = 2 + random.Next(plan.Parameter("workers") - 1); worker > 0; worker--)
        {
            var actor = plan.Actor($"worker-{worker}");
            for (var left = 1 + random.Next(plan.Parameter("operations")); left > 0; left--)
                Draw(actor, plan.Options, vcpus, kinds, random);
        }

        if (plan.Options.DirtyLog != DirtyLogMode.None) DrawSession(plan, random);
        plan.VmSurvives = random.Chance(0.5);
        if (plan.VmSurvives) return;
        plan.Actor("end").TearDown((TeardownOrder)random.Next(4));
        plan.After(stage => stage.EndAsync(TeardownOrder.VmFirst));
    }

    private static BedOptions DrawOptions(BedOptions options, SeededRandom random)
    {
        // Guest RAM begins in the middle of a page of SPTEs; beyond page 256 a zap has two of them and may yield in between.
        var ramPages = random.Chance(0.05) ? 300 : 2 + random.Next(12);
        return options with
        {
            RamPages = ramPages,
            HotplugPages = 1 + random.Next(4),
            Frames = random.Chance(0.2) ? 24 : 1024,
            SpinMmuLock = random.Chance(0.3),
            DirtyLog = (DirtyLogMode)random.Next(5),
            RingEntries = DirtyRing.Reserved + 1 + random.Next(8),
            Architecture = KvmArchitecture.Arm64,
            HasRefusingDriver = random.Chance(0.3),
            HasPrivateSlots = true,
            HasAccessedBits = random.Chance(0.8),
        };
    }

    private static void DrawGuest(ScenarioPlan plan, SeededRandom random)
    {
        var guest = plan.Vcpu();
        for (var left = 4 + random.Next(24); left > 0; left--)
        {
            var page = random.Next(plan.Options.RamPages);
            var plugged = random.Next(plan.Options.HotplugPages);
            _ = random.Next(20) switch
            {
                < 6 => guest.Read(page),
                < 12 => guest.Write(page),
                < 14 => guest.WriteCommon(page),
                < 16 => guest.ReadPlugged(plugged),
                < 18 => guest.WritePlugged(plugged),
                18 => guest.WriteMoved(plugged),
                _ => guest.ReadMmio(plugged),
            };
        }
    }

    private static void Draw(ActorPlan actor, BedOptions options, int vcpus, List<HostEventKind> kinds, SeededRandom random)
    {
        switch (random.Next(20))
        {
            case < 12:
                DrawEvent(actor, options, kinds[random.Next(kinds.Count)], random);
                break;
            case < 16:
                DrawUpdate(actor, random);
                break;
            case 16:
                actor.SoftwareWrite(random.Next(options.RamPages), random.Next(vcpus));
                break;
            case 17:
                actor.SaveTables(random.Next(options.RamPages));
                break;
            case 18 when random.Chance(0.3):
                actor.CreateAndDestroyAnotherVm((TeardownOrder)random.Next(4));
                break;
            default:
                actor.Audit();
                break;
        }
    }

    private static void DrawEvent(ActorPlan actor, BedOptions options, HostEventKind kind, SeededRandom random)
    {
        var (plugged, scratch) = (random.Chance(0.25), random.Chance(0.1));
        var all = scratch ? Bed.ScratchPages : plugged ? options.HotplugPages : options.RamPages;
        var first = random.Next(all);
        var pages = 1 + random.Next(all - first);
        // Now and then a range begins before the memslot, ends behind it, or both.
        if (!scratch && random.Chance(0.2))
            (first, pages) = (first - random.Next(Bed.MarginPages), pages + random.Next(2 * Bed.MarginPages));
        _ = kind switch
        {
            _ when kind == HostEventKind.KsmScan => actor.KsmScan(pages),
            _ when kind == HostEventKind.Spurious => actor.Spurious(),
            _ when scratch => actor.OnScratch(kind, first, pages),
            _ when plugged => actor.OnPlugged(kind, first, pages),
            _ => actor.Event(kind, first, pages),
        };
    }

    private static void DrawUpdate(ActorPlan actor, SeededRandom random)
    {
        _ = random.Next(4) switch
        {
            0 => actor.Plug(),
            1 => actor.MovePlugged(),
            2 => actor.FlagPlugged(random.Chance(0.5) ? MemslotFlags.LogDirtyPages : MemslotFlags.None),
            _ => actor.Unplug(),
        };
    }

    /// <summary>A migration: on, rounds, the final sync, and perhaps off again.</summary>
    private static void DrawSession(ScenarioPlan plan, SeededRandom random)
    {
        var session = plan.Actor("session");
        for (var left = 1 + random.Next(2); left > 0; left--)
        {
            session.EnableLog();
            for (var rounds = random.Next(4); rounds > 0; rounds--) session.LogRound();
            session.VerifyLog();
            if (random.Chance(0.5)) session.DisableLog();
        }
    }
}
