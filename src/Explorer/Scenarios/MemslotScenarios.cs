using Livebed.Kvm.Checks;
using Livebed.Kvm.Host.Events;
using Livebed.Kvm.Vms;
using Livebed.Kvm.World;

namespace Livebed.Explorer.Scenarios;

/// <summary>Memslot updates against faults, ranges and what else the host does.</summary>
internal static class MemslotScenarios
{
    public static IReadOnlyList<Scenario> All { get; } =
    [
        new MemslotCreate(),
        new MemslotMove(),
        new MemslotDelete(),
        new MemslotVsNotifier(),
        new DeleteVsHost(),
        new DeleteVsMerge(),
        new MemslotStarvation(),
    ];
}

/// <summary>
/// Claim: a guest finds nothing (MMIO) or the memory of a new memslot, never a page that an open range takes away (S2, S3, S4). A guest
/// touches memory while its memslot is created and the host takes a page of it (kvm-protocol 5, CREATE; 2.7, I1).
/// </summary>
internal sealed class MemslotCreate : Scenario
{
    public override string Name => "memslot-create";
    public override string Claim => "memory appears with its memslot, and with no page of an open range";
    public override IReadOnlyList<ReachedCase> Needs { get; } = [ReachedCase.PublishMetRange];

    public override void LayOut(ScenarioPlan plan)
    {
        plan.Vcpu().WritePlugged(0).ReadPlugged(0).WritePlugged(1);
        plan.Actor("user").Plug();
        plan.Actor("mm").OnPlugged(HostEventKind.DontNeed);
    }
}

/// <summary>
/// Claim: after a move nothing of the old place is mapped, and the new place shows the same memory (S8, S1). A guest touches both places
/// while the memslot goes through its INVALID phase and the host takes a page of it (kvm-protocol 5, MOVE).
/// </summary>
internal sealed class MemslotMove : Scenario
{
    public override string Name => "memslot-move";
    public override string Claim => "nothing of a memslot's old place stays mapped once it has moved";
    public override IReadOnlyList<ReachedCase> Needs { get; } = [ReachedCase.FaultOnInvalidMemslot, ReachedCase.RangeOverInvalidMemslot];

    public override void LayOut(ScenarioPlan plan)
    {
        plan.Before(stage => stage.PlugAsync());
        plan.Vcpu().WritePlugged(0).WriteMoved(0).WritePlugged(0);
        plan.Vcpu().WriteMoved(1).ReadPlugged(0);
        plan.Actor("user").MovePlugged();
        plan.Actor("mm").OnPlugged(HostEventKind.DontNeed);
    }
}

/// <summary>
/// Claim: when a memslot is deleted nothing of it is mapped, and no fault maps it again (S8). Guests touch it during both phases of its
/// deletion, also in the INVALID one that waits for readers. Meanwhile the host takes a page of it, and then the memslot is created again
/// (kvm-protocol 5, DELETE).
/// </summary>
internal sealed class MemslotDelete : Scenario
{
    public override string Name => "memslot-delete";
    public override string Claim => "nothing of a memslot is mapped once it has been deleted";
    public override IReadOnlyList<ReachedCase> Needs { get; } = [ReachedCase.FaultOnInvalidMemslot, ReachedCase.RangeOverInvalidMemslot];

    public override void LayOut(ScenarioPlan plan)
    {
        plan.Before(stage => stage.PlugAsync());
        plan.Vcpu().WritePlugged(0).ReadPlugged(1).WritePlugged(0);
        plan.Vcpu().ReadPlugged(1).WritePlugged(0);
        plan.Actor("user").Unplug().Plug();
        plan.Actor("mm").OnPlugged(HostEventKind.DontNeed);
    }
}

/// <summary>
/// Claim: start and end of a range see the same memslots, or decide alike without them: what was counted in is counted out, once (S4, S3).
/// Ranges over memory that a memslot comes to and goes from, and over memory that none ever covers; no guest is needed, the count alone
/// tells (kvm-protocol 2.7, I1 and I7).
/// </summary>
internal sealed class MemslotVsNotifier : Scenario
{
    public override string Name => "memslot-vs-notifier";
    public override string Claim => "start and end of a range agree about whether it is counted";
    public override IReadOnlyList<ReachedCase> Needs { get; } = [ReachedCase.PublishMetRange];

    public override IReadOnlyList<ScenarioParameter> Parameters =>
    [
        new("updates", "memslot updates: creates and deletes by turns", 2, 1, 8),
    ];

    public override void LayOut(ScenarioPlan plan)
    {
        var user = plan.Actor("user");
        for (var update = 0; update < plan.Parameter("updates"); update++) _ = update % 2 == 0 ? user.Plug() : user.Unplug();
        plan.Vcpu().Write(0).WritePlugged(0);
        plan.Actor("mm-0").OnPlugged(HostEventKind.DontNeed).Spurious();
        plan.Actor("mm-1").OnPlugged(HostEventKind.DontNeed, 0, 2);
    }
}

/// <summary>
/// Claim: what the host does to the pages of a memslot that is being deleted neither misses their SPTEs nor outlives the memslot (S8, S1).
/// Both pages are mapped; the host ages and takes them while the memslot goes, and a guest elsewhere is a reader for the update to wait for
/// (kvm-protocol 5, DELETE; B3, B35).
/// </summary>
internal sealed class DeleteVsHost : Scenario
{
    public override string Name => "delete-vs-host";
    public override string Claim => "ranges and ageing over a memslot that is being deleted see it whole or not at all";
    public override IReadOnlyList<ReachedCase> Needs { get; } = [ReachedCase.RangeOverInvalidMemslot];

    public override void LayOut(ScenarioPlan plan)
    {
        plan.Before(stage => stage.PlugAsync());
        foreach (var page in (int[])[0, 1]) plan.Before(async stage => await stage.Vm.TouchAsync(VmLayout.HotplugGfn + page, write: true));
        plan.Vcpu().Write(0);
        plan.Actor("user").Unplug();
        plan.Actor("mm").OnPlugged(HostEventKind.DontNeed, 0, 2);
        plan.Actor("kswapd").OnPlugged(HostEventKind.Ageing, 0, 2).OnPlugged(HostEventKind.Reclaim, 0, 2);
    }
}

/// <summary>
/// Claim: KSM maps no merged page into a memslot that is being deleted (S8). Every plugged page has the same content; ksmd notes checksums
/// in its first pass and merges in its second, while the memslot goes, comes and goes (kvm-protocol 5 and 6.1; B6).
/// </summary>
internal sealed class DeleteVsMerge : Scenario
{
    private const int Pages = 4;

    public override string Name => "delete-vs-merge";
    public override string Claim => "a merged page is not mapped in a memslot that is being deleted";
    public override IReadOnlyList<ReachedCase> Needs { get; } = [ReachedCase.PageMerged, ReachedCase.RangeOverInvalidMemslot];

    public override void LayOut(ScenarioPlan plan)
    {
        plan.Options = plan.Options with { HotplugPages = Pages };
        plan.Before(stage => stage.PlugAsync());
        for (var page = 0; page < Pages; page++)
        {
            var gfn = VmLayout.HotplugGfn + page;
            plan.Before(async stage => await stage.Vm.Vm.SoftwareWriter.WriteAsync(
                stage.Bed.NewOperation(OperationKind.SoftwareWrite), 0, gfn, GuestVerbs.CommonContent));
        }

        plan.Vcpu().Read(0);
        plan.Actor("ksmd").KsmScan(Pages + 2).KsmScan(2 * (Pages + 2));
        plan.Actor("user").Unplug().Plug().Unplug();
    }
}

/// <summary>
/// Claim: a memslot update comes to its end once ranges do; how many begin while it waits is what a search makes as large as it can. Tasks
/// of the process run range after range without a gap, so that a protocol which lets new ranges pass a waiting update keeps it waiting for
/// all of them (kvm-protocol 2.3). Ranges are finitely many: the update starves, and no schedule hangs.
/// </summary>
internal sealed class MemslotStarvation : Scenario
{
    public override string Name => "memslot-starvation";
    public override string Claim => "a memslot update is published at the latest when all ranges are over";
    public override IReadOnlyList<ReachedCase> Needs { get; } = [ReachedCase.RangesOverlap, ReachedCase.PublishMetRange];

    public override IReadOnlyList<ScenarioParameter> Parameters =>
    [
        new("tasks", "tasks that run ranges", 2, 1, 6),
        new("ranges", "ranges of each task", 4, 1, 64),
    ];

    public override IReadOnlyList<KnownOutcome> Known =>
    [
        new("active-count", [Invariants.MemslotUpdateProgress], Why),
        new("gfn-range", [Invariants.MemslotUpdateProgress], Why),
        new("rwsem-unfair", [Invariants.MemslotUpdateProgress], Why),
    ];

    public override Objective Objective => new(
        "longest wait of a memslot update", "notifications", stage => stage.Vm.Vm.Counters.StartsWhilePublishingMax);

    private const string Why = "starvation: new ranges pass a waiting update, which is published when there is a gap";

    public override void LayOut(ScenarioPlan plan)
    {
        var (tasks, ranges) = (plan.Parameter("tasks"), plan.Parameter("ranges"));
        plan.StepsMax += 400L * tasks * ranges;
        for (var task = 0; task < tasks; task++)
        {
            var mm = plan.Actor($"mm-{task}");
            for (var range = 0; range < ranges; range++) mm.DontNeed(range % 2);
        }

        plan.Actor("user").Plug();
    }
}
