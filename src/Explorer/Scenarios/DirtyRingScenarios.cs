using Livebed.Kvm.Checks;
using Livebed.Kvm.DirtyLog;
using Livebed.Kvm.Memslots;
using Livebed.Kvm.World;

namespace Livebed.Explorer.Scenarios;

/// <summary>Dirty rings that are full, or that user space rewrites.</summary>
internal static class DirtyRingScenarios
{
    public static IReadOnlyList<Scenario> All { get; } =
    [
        new DirtyRingFull(),
        new DirtyRingInRound(),
        new DirtyRingClaims(),
        new DirtyRingOverflow(),
        new DirtyRingReplacedMemslot(),
        new DirtyRingTampered(),
        new DirtyRingLong(),
    ];
}

/// <summary>
/// Claim: no ring entry is overwritten, and no write is lost between an entry's harvest, its reset and the page's copy (S7, S6). The rings
/// are as small as can be, so that vCPUs leave with theirs full and reap while the migration's own rounds harvest and reset (kvm-protocol
/// 4.3).
/// </summary>
internal sealed class DirtyRingFull : Scenario
{
    public override string Name => "dirty-ring";
    public override string Claim => "a full ring loses no entry, and a reset page is caught when it is written again";
    public override IReadOnlyList<ReachedCase> Needs { get; } = [ReachedCase.RingFull];

    public override IReadOnlyList<ScenarioParameter> Parameters =>
    [
        new("room", "entries of a ring before its vCPU must leave", 1, 1, 8),
        new("rounds", "log rounds while guests write", 2, 1, 8),
    ];

    public override void LayOut(ScenarioPlan plan)
    {
        var entries = DirtyRing.Reserved + plan.Parameter("room");
        plan.Options = plan.Options with { DirtyLog = DirtyLogMode.Ring, RingEntries = entries };
        plan.Before(stage => stage.TouchRamAsync());
        plan.Before(stage => stage.EnableLogAsync());
        plan.Vcpu().Write(0).Write(1).Write(0);
        plan.Vcpu().Write(0).Write(0);
        var user = plan.Actor("user");
        for (var round = 0; round < plan.Parameter("rounds"); round++) user.LogRound();
        plan.After(stage => stage.VerifyLogAsync());
    }
}

/// <summary>
/// Claim: what a vCPU harvests because its ring is full is copied only after the reset has protected its page, so that a write in between
/// is not lost (S6). One vCPU fills its ring over and over while a round copies the first of two memslots; the other vCPU writes the
/// second, whose dirty pages the round takes then (kvm-protocol 4.3).
/// </summary>
internal sealed class DirtyRingInRound : Scenario
{
    private const int SlotPages = 4;

    public override string Name => "dirty-ring-in-round";
    public override string Claim => "a page that a full ring has told of is protected before a round copies it";
    public override IReadOnlyList<ReachedCase> Needs { get; } = [ReachedCase.RingFull];

    public override IReadOnlyList<ScenarioParameter> Parameters => [new("rounds", "log rounds while guests write", 4, 1, 8)];

    public override void LayOut(ScenarioPlan plan)
    {
        plan.Options = plan.Options with
        {
            DirtyLog = DirtyLogMode.Ring,
            RingEntries = DirtyRing.Reserved + 2,
            RamPages = 2 * SlotPages,
            RamSlots = 2,
            Frames = 4 * SlotPages,
        };
        plan.Before(stage => stage.TouchRamAsync());
        plan.Before(stage => stage.EnableLogAsync());
        var filler = plan.Vcpu();
        for (var write = 0; write < 4 * SlotPages; write++) filler.Write(write % SlotPages);
        var writer = plan.Vcpu();
        for (var write = 0; write < 2 * SlotPages; write++) writer.Write(SlotPages);
        var user = plan.Actor("user");
        for (var round = 0; round < plan.Parameter("rounds"); round++) user.LogRound();
        plan.After(stage => stage.VerifyLogAsync());
    }
}

/// <summary>
/// Claim: a write of KVM's own that fails gives its claim on a ring entry back, so that the vCPU can enter the guest (L5, L1). KVM writes
/// on behalf of a vCPU to a page that no memslot has, as often as its ring has room. Two emulators write at once, and neither takes what
/// the other has claimed (S7; kvm-protocol 4.5).
/// </summary>
internal sealed class DirtyRingClaims : Scenario
{
    private const int Room = 2;

    public override string Name => "dirty-ring-claims";
    public override string Claim => "a write of KVM's own that fails takes no room of a dirty ring";
    public override IReadOnlyList<ReachedCase> Needs { get; } = [ReachedCase.LogReadDirty];

    public override void LayOut(ScenarioPlan plan)
    {
        plan.Options = plan.Options with { DirtyLog = DirtyLogMode.Ring, RingEntries = DirtyRing.Reserved + Room };
        plan.Before(stage => stage.TouchRamAsync());
        plan.Before(stage => stage.EnableLogAsync());
        plan.Vcpu().Write(0).Write(1).Write(0).Write(1);
        plan.Actor("emulator").SoftwareWrite(-1).SoftwareWrite(-1).SoftwareWrite(0);
        plan.Actor("other-emulator").SoftwareWrite(1).SoftwareWrite(0);
        plan.Actor("user").LogRound().LogRound();
        plan.After(stage => stage.VerifyLogAsync());
    }
}

/// <summary>
/// Claim: a vCPU with a soft-full ring leaves the guest before its next write, so that no entry is ever overwritten (S7). It writes more
/// pages than its ring has entries, the reserved ones included, and only its own exits have the ring reaped (kvm-protocol 4.5).
/// </summary>
internal sealed class DirtyRingOverflow : Scenario
{
    public override string Name => "dirty-ring-overflow";
    public override string Claim => "a vCPU with a full ring leaves the guest before its next write";
    public override IReadOnlyList<ReachedCase> Needs { get; } = [ReachedCase.RingFull];

    public override void LayOut(ScenarioPlan plan)
    {
        const int Entries = DirtyRing.Reserved + 2;
        plan.Options = plan.Options with
        {
            DirtyLog = DirtyLogMode.Ring,
            RingEntries = Entries,
            RamPages = Entries + 2,
            Frames = 2 * Entries,
        };
        plan.StepsMax = 50_000;
        plan.Before(stage => stage.EnableLogAsync());
        var vcpu = plan.Vcpu();
        for (var page = 0; page < Entries + 2; page++) vcpu.Write(page);
        plan.After(stage => stage.VerifyLogAsync());
    }
}

/// <summary>
/// Claim: a reset tells entries of a memslot from those of an earlier one that had its id. It skips what is of the one that is gone, and
/// protects what is of the one that is there (S7, S6). A guest writes plugged memory while that is unplugged and plugged again, so that
/// one ring has pages of both (kvm-protocol 4.3).
/// </summary>
internal sealed class DirtyRingReplacedMemslot : Scenario
{
    public override string Name => "dirty-ring-replaced-memslot";
    public override string Claim => "a ring reset tells a memslot from an earlier one with its id";
    public override IReadOnlyList<ReachedCase> Needs { get; } = [ReachedCase.RingEntryOutdated, ReachedCase.LogReadDirty];

    public override void LayOut(ScenarioPlan plan)
    {
        plan.Options = plan.Options with { DirtyLog = DirtyLogMode.Ring, RingEntries = DirtyRing.Reserved + 8 };
        plan.Before(stage => stage.EnableLogAsync());
        plan.Before(stage => stage.CommandAsync(async vm => await vm.PlugAsync(
            stage.Bed.NewOperation(OperationKind.MemslotCreate), MemslotFlags.LogDirtyPages)));
        plan.Vcpu().WritePlugged(0).WritePlugged(1).WritePlugged(0).WritePlugged(1).WritePlugged(0);
        plan.Actor("admin").Unplug().Plug(MemslotFlags.LogDirtyPages);
        plan.Actor("user").LogRound().LogRound();
        plan.After(stage => stage.VerifyLogAsync());
    }
}

/// <summary>
/// Claim: whatever user space writes into the entries of a ring, a reset protects pages of the memslot only and comes to its end (S7, L5;
/// B13, B14). One ring holds entries of two memslots; while it is harvested and reset, their offsets are changed and consumed entries are
/// marked RESET again. What such user space loses is its own affair, so there is no final sync; the guest, which has another ring, runs on
/// (kvm-protocol 4.3).
/// </summary>
internal sealed class DirtyRingTampered : Scenario
{
    private const int Tampered = 1;

    public override string Name => "dirty-ring-tampered";
    public override string Claim => "a ring is reset within bounds although user space rewrites entries and arms them again";
    public override IReadOnlyList<ReachedCase> Needs { get; } = [ReachedCase.RingEntryOutdated];

    public override IReadOnlyList<ScenarioParameter> Parameters =>
    [
        new("times", "how often entries are rewritten and armed again", 1, 1, 8),
    ];

    public override void LayOut(ScenarioPlan plan)
    {
        plan.Options = plan.Options with { DirtyLog = DirtyLogMode.Ring, RingEntries = DirtyRing.Reserved + 4, RamPages = 4, RamSlots = 2 };
        plan.Before(stage => stage.EnableLogAsync());
        // The offset after the last one that there is, is that of the second entry; and the third is of the other memslot, so that one
        // reset has two batches.
        foreach (var page in (int[])[1, 0, 2]) plan.Before(stage => stage.SoftwareWriteAsync(page, Tampered));
        plan.Vcpu().Write(0).Write(2);
        plan.Vcpu();
        plan.Actor("user").LogRound().LogRound();
        var hostile = plan.Actor("hostile");
        for (var time = 0; time < plan.Parameter("times"); time++) hostile.RewriteRingOffset(Tampered).RearmRing(Tampered);
    }
}

/// <summary>
/// Claim: a reap harvests all that is in the rings, however much that is, and the final sync finds the rest (S6). Guests write many pages
/// into rings that have room for all of them, so that no vCPU leaves to reap (kvm-protocol 4.3).
/// </summary>
internal sealed class DirtyRingLong : Scenario
{
    private const int Pages = 48;

    public override string Name => "dirty-ring-long";
    public override string Claim => "a reap of long rings harvests every entry";
    public override IReadOnlyList<ReachedCase> Needs { get; } = [ReachedCase.LogReadDirty];

    public override void LayOut(ScenarioPlan plan)
    {
        plan.Options = plan.Options with
        {
            DirtyLog = DirtyLogMode.Ring,
            RingEntries = DirtyRing.Reserved + Pages,
            RamPages = Pages,
            Frames = 2 * Pages,
        };
        plan.Before(stage => stage.TouchRamAsync());
        plan.Before(stage => stage.EnableLogAsync());
        var (first, second) = (plan.Vcpu(), plan.Vcpu());
        for (var page = 0; page < Pages / 2; page++)
        {
            first.Write(page);
            second.Write(Pages - 1 - page);
        }

        plan.Actor("user").LogRound();
        plan.After(stage => stage.VerifyWholeLogAsync());
    }
}
