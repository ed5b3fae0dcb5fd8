using Livebed.Explorer.Beds;
using Livebed.Explorer.Beds.Migrations;
using Livebed.Kvm.Checks;
using Livebed.Kvm.Host.Streams;
using Livebed.Kvm.Memslots;
using Livebed.Kvm.Migration;
using Livebed.Kvm.World;

namespace Livebed.Explorer.Scenarios.Migrations;

/// <summary>Migrations over links so slow that a step of the world, a microsecond, is nothing beside a page: time is a measure there, and
/// what was asked for can be compared with what came.</summary>
internal static class BandwidthScenarios
{
    public static IReadOnlyList<Scenario> All { get; } =
    [
        new MigrationBoundedRate(),
        new PostcopyWantedFirst(),
        new MigrationsShareLink(),
    ];
}

/// <summary>
/// Claim: a migration sends as fast as it may and no faster, and stops its guest when what is left fits into the downtime limit. It ends
/// its rounds where its limits say, throttles in the steps that were ordered, and sends again only what was written (M5, S6, M1). The seed
/// draws the bandwidths, the limits, the throttle, the dirty log, and whether the guest writes at all (migration/migration.c, kvm-protocol
/// 8).
/// </summary>
internal sealed class MigrationBoundedRate : Scenario
{
    private const int Pages = 6;
    private const long PaceMicroseconds = 3_000;
    private static readonly long[] _bandwidths = [20_000, 40_000, 100_000];

    public override string Name => "migration-bounded-rate";
    public override string Claim => "a migration keeps to its bandwidth, limits, rounds and throttle";
    public override IReadOnlyList<ReachedCase> Needs { get; } = [ReachedCase.GuestThrottled, ReachedCase.PageDirtiedAgain];
    public override bool IsDrawnFromSeed => true;

    public override void LayOut(ScenarioPlan plan)
    {
        var random = plan.Random;
        plan.Options = plan.Options with
        {
            Hosts = 2,
            DirtyLog = (DirtyLogMode)(1 + random.Next(4)),
            RamPages = Pages,
            HotplugPages = 1,
            Frames = 32,
            LinkBandwidth = random.Chance(0.5) ? 0 : Draw(_bandwidths),
            GuestPaceMicroseconds = PaceMicroseconds,
        };
        plan.Before(stage => stage.TouchRamAsync());
        var isQuiet = random.Chance(0.2);
        if (!isQuiet)
            for (var vcpu = 0; vcpu < 2; vcpu++)
            {
                var guest = plan.Vcpu();
                for (var left = 6 + random.Next(10); left > 0; left--) guest.Write(random.Next(Pages));
            }

        var parameters = DrawParameters(plan, plan.Options.LinkBandwidth == 0 || random.Chance(0.5) ? Draw(_bandwidths) : 0);
        plan.Actor("user").InVm("migrate", async stage =>
        {
            var steps = stage.Bed.World.Steps;
            if (await stage.MigrateAsync(stage.Bed.NewOperation(OperationKind.Migration), parameters) is { } info)
                new OrderCheck(stage, parameters, stage.Bed.World.Steps - steps).Judge(info, isQuiet);
        });
        plan.After(stage => stage.CheckMemoryAsync());

        T Draw<T>(T[] among) => among[random.Next(among.Length)];
    }

    private static MigrationParameters DrawParameters(ScenarioPlan plan, long bandwidth)
    {
        var random = plan.Random;
        var throttle = (ThrottleKind)random.Next(3);
        return new MigrationParameters
        {
            MaxBandwidth = bandwidth,
            AvailSwitchoverBandwidth = random.Chance(0.2) ? 60_000 : 0,
            DowntimeLimitMicroseconds = random.Next(4) * 4_000,
            TimeLimitMicroseconds = random.Chance(0.6) ? 0 : 10_000 + 1_000 * random.Next(60),
            RoundsMax = 1 + random.Next(6),
            TimeoutAction = (TimeoutAction)random.Next(3),
            PostcopyAfterRounds = random.Chance(0.2) ? 1 + random.Next(3) : 0,
            RecoveryLimitMicroseconds = 2_000,
            Channels = 1 + random.Next(2),
            BatchPages = 64,
            Throttle = throttle,
            ThrottlePeriodMicroseconds = 1,
            ThrottleTriggerThreshold = 1 + random.Next(20),
            CpuThrottleInitial = 20,
            CpuThrottleIncrement = 25,
            MaxCpuThrottle = random.Chance(0.5) ? 30 : 60,
            VcpuDirtyLimit = Bed.PageSize * 20,
        };
    }
}

/// <summary>
/// Claim: in post-copy a page that a vCPU waits for goes ahead of all that nobody asked for, also after the link has broken (L5). A guest
/// waits for one page and at most for the batch that is on the link, not for the push. Pages lie a batch apart, the push goes up, and each
/// vCPU reads one page, the highest ones (postcopy-preempt of QEMU, kvm-protocol 8).
/// </summary>
internal sealed class PostcopyWantedFirst : Scenario
{
    private const int Batch = 64;
    private const int Batches = 5;
    private const int Reads = 6;
    private const long Bandwidth = 20_000;
    private const long PaceMicroseconds = 25_000;
    private const long AnswerMicroseconds = 20_000;

    public override string Name => "postcopy-wanted-first";
    public override string Claim => "a page that a vCPU waits for in post-copy comes before those that none has asked for";
    public override IReadOnlyList<ReachedCase> Needs { get; } = [ReachedCase.GuestWaitedForPage, ReachedCase.PageAskedEarly];
    public override bool IsDrawnFromSeed => true;

    public override void LayOut(ScenarioPlan plan)
    {
        var random = plan.Random;
        plan.Options = plan.Options with
        {
            Hosts = 2,
            DirtyLog = (DirtyLogMode)(1 + random.Next(4)),
            RamPages = Batch * Batches,
            HotplugPages = 1,
            Frames = 64,
            LinkBandwidth = random.Chance(0.5) ? Bandwidth : 0,

            // So that most reads come when the VM has moved, and the push has not come to the page.
            GuestPaceMicroseconds = PaceMicroseconds,
        };
        for (var batch = 0; batch < Batches; batch++)
        {
            var gfn = BedVm.RamGfn(batch * Batch);
            plan.Before(async stage => await stage.Vm.TouchAsync(gfn, write: true));
        }

        for (var vcpu = 0; vcpu < 2; vcpu++)
        {
            var guest = plan.Vcpu();
            for (var read = 0; read < Reads; read++) guest.Read(Batch * (Batches - 1 - vcpu));
        }

        var parameters = MigrationPlan.AfterRounds(1) with
        {
            MaxBandwidth = plan.Options.LinkBandwidth == 0 ? Bandwidth : 0,
            Channels = 1,
            RecoveryLimitMicroseconds = 0,
        };
        var breaks = random.Chance(0.3);
        if (breaks)
            plan.Before(stage =>
            {
                stage.BreakLink(new LinkBreak(LinkMessage.Page, BrokenLink.Everything));
                return ValueTask.CompletedTask;
            });

        // Then vCPUs ask for pages before the source knows that they run.
        if (random.Chance(0.3)) plan.Options = plan.Options with { TakeOverAnswerMicroseconds = AnswerMicroseconds };
        plan.Actor("user").InVm("migrate, migrate-start-postcopy", async stage =>
        {
            var steps = stage.Bed.World.Steps;
            if (await stage.MigrateAsync(
                    stage.Bed.NewOperation(OperationKind.Migration), parameters, process => process.StartPostcopy()) is { } info)
                new OrderCheck(stage, parameters, stage.Bed.World.Steps - steps).JudgeWaits(info, Batch, breaks);
        });
        MigrationPlan.MustComplete(plan);
        plan.After(stage => stage.CheckMemoryAsync());
    }
}

/// <summary>
/// Claim: two migrations over one link have equal shares of it, and one that begins later, or had nothing to send for a while, has saved
/// nothing up: between two batches of a round the other one sends no more than a batch of each (M5; Goyal et al. 1996). All memory arrives
/// (M1, the oracle). The seed draws when the second one begins.
/// </summary>
internal sealed class MigrationsShareLink : Scenario
{
    private const int Batch = 64;
    private const int Batches = 8;
    private const long Bandwidth = 20_000;

    // Of a batch one page has content.
    private const long BatchBytes = PageChunk.HeaderBytes + Batch * sizeof(long) + Bed.PageSize;
    private const int LaterMax = 260_000;

    public override string Name => "migrations-share-link";
    public override string Claim => "of two migrations over one link none waits for more than its turn";
    public override IReadOnlyList<ReachedCase> Needs { get; } = [ReachedCase.PageDirtiedAgain];
    public override bool IsDrawnFromSeed => true;
    public override IReadOnlyList<ScenarioParameter> Parameters => [MigrationPlan.Log];

    public override void LayOut(ScenarioPlan plan)
    {
        plan.Options = plan.Options with
        {
            Hosts = 2,
            DirtyLog = (DirtyLogMode)plan.Parameter(MigrationPlan.Log.Name),
            HotplugPages = 1,
            RamPages = Batch * Batches,
            OtherVms = 1,
            Frames = 4 * Batches,
            LinkBandwidth = Bandwidth,
        };
        for (var batch = 0; batch < Batches; batch++)
        {
            var gfn = BedVm.RamGfn(batch * Batch);
            plan.Before(async stage =>
            {
                foreach (var vm in stage.Bed.Vms) await vm.TouchAsync(gfn, write: true);
            });
        }

        var guest = plan.Vcpu();
        for (var write = 0; write < Batches; write++) guest.Write(plan.Random.Next(Batches) * Batch);

        // With one channel a stream would have nothing that waits when its batch has left, and the other's turn would come anyway.
        var parameters = MigrationPlan.AfterRounds(2) with { Channels = 2 };
        plan.Actor("user").MigrateVm(parameters);
        plan.Actor("other-user").MigrateOtherVm(parameters, 1 + plan.Random.Next(LaterMax));
        plan.After(stage =>
        {
            if (stage.Bed.LinkTurns.OthersMax is var bytes and > 2 * BatchBytes)
                stage.Broke(
                    Invariants.AsOrdered,
                    $"a migration has sent {bytes} bytes while another one waited to send its next; a batch has {BatchBytes}");
            return ValueTask.CompletedTask;
        });
        MigrationPlan.MustComplete(plan);
        plan.After(stage => stage.CheckMemoryAsync());
    }
}
