using Livebed.Explorer.Beds;
using Livebed.Kvm.Checks;
using Livebed.Kvm.DirtyLog;
using Livebed.Kvm.Host.Events;
using Livebed.Kvm.Memslots;

namespace Livebed.Explorer.Scenarios;

/// <summary>What is said to be done is done: the effects of host events, dirty logs and throttles on pages and vCPUs that nothing else
/// touches.</summary>
internal static class EffectScenarios
{
    public static IReadOnlyList<Scenario> All { get; } =
    [
        new EventsTakeEffect(),
        new LogTakesEffect(),
        new ThrottleTakesEffect(),
        new CreatedLogTakesEffect(),
    ];
}

/// <summary>
/// Claim: a memory event that says that it is done has changed each page of its range as its kind says, and no other page (effect). The
/// seed draws events over the first pages, which only they touch; after each, the host's page table tells, and pages beside the range have
/// their SPTEs still. Guests and the host race over other pages of the same process (kvm-protocol 6.1).
/// </summary>
internal sealed class EventsTakeEffect : Scenario
{
    private const int Pages = 4;
    private const int GuestPage = 8;
    private const int Events = 3;

    private static readonly HostEventKind[] _kinds = [.. HostEventKind.Events.Where(kind => kind != HostEventKind.Spurious)];

    public override string Name => "events-take-effect";
    public override string Claim => "a memory event that is done has changed the pages of its range, and no other";
    public override IReadOnlyList<ReachedCase> Needs { get; } = [ReachedCase.PageMerged, ReachedCase.MergeBroken];
    public override bool IsDrawnFromSeed => true;

    public override void LayOut(ScenarioPlan plan)
    {
        var random = plan.Random;
        plan.Options = plan.Options with { RamPages = GuestPage + 2, Frames = 32 };
        plan.Vcpu().Write(GuestPage).Read(GuestPage + 1).Write(GuestPage);
        plan.Vcpu().Read(GuestPage).Write(GuestPage + 1);
        var mm = plan.Actor("mm");
        for (var left = Events; left > 0; left--)
        {
            var first = random.Next(Pages);
            mm.CheckEvent(_kinds[random.Next(_kinds.Length)], first, 1 + random.Next(Pages - first), Pages);
        }

        plan.Actor("mm-of-guest").DontNeed(GuestPage).DontNeed(GuestPage, 2);
    }
}

/// <summary>
/// Claim: what a dirty log reports are the pages that were written since it was read, those and no others; it reports them once; and they
/// are write-protected then (effect, S6). Pages are written, discarded and read while guests write others. The seed draws the kind of log
/// and the pages, at the borders of words and memslots (kvm-protocol 4.2 to 4.5).
/// </summary>
internal sealed class LogTakesEffect : Scenario
{
    private const int SlotPages = 70;
    private const int GuestPage = 30;

    private static readonly int[] _pages = [0, 1, 62, 63, 64, 65, SlotPages - 1, SlotPages, SlotPages + 1, 2 * SlotPages - 1];

    public override string Name => "log-takes-effect";
    public override string Claim => "a dirty log reports the pages that were written, once, and no others";
    public override IReadOnlyList<ReachedCase> Needs { get; } = [ReachedCase.LogReadDirty, ReachedCase.LogTakenFromWords];
    public override bool IsDrawnFromSeed => true;

    public override void LayOut(ScenarioPlan plan)
    {
        var random = plan.Random;
        plan.Options = plan.Options with
        {
            RamPages = 2 * SlotPages,
            RamSlots = 2,
            Frames = 64,
            DirtyLog = (DirtyLogMode)(1 + random.Next(4)),
            RingEntries = DirtyRing.Reserved + 32,
        };
        foreach (var page in _pages) plan.Before(async stage => await stage.Vm.TouchAsync(BedVm.RamGfn(page), write: true));
        plan.Before(stage => stage.EnableLogAsync());
        plan.Vcpu().Write(GuestPage).Write(GuestPage + 1).Write(GuestPage);
        var user = plan.Actor("user");
        for (var left = 2; left > 0; left--) user.CheckLog(_pages, Draw(_pages, 0.4), Draw(_pages, 0.2));
        plan.Actor("mm").DontNeed(GuestPage);

        int[] Draw(int[] pages, double share) => [.. pages.Where(_ => random.Chance(share))];
    }
}

/// <summary>
/// Claim: a throttled vCPU sleeps for its share of the time, or dirties no more pages than its limit; one that is throttled no more runs on
/// (effect; softmmu/cpu-throttle.c and softmmu/dirtylimit.c, kvm-protocol 8). The seed draws the throttle.
/// </summary>
internal sealed class ThrottleTakesEffect : Scenario
{
    private const int Pages = 40;
    private const long PaceMicroseconds = 1_000;
    private static readonly int[] _percentages = [20, 50, 75];

    public override string Name => "throttle-takes-effect";
    public override string Claim => "a throttled vCPU sleeps as it is told to, and no longer";
    public override IReadOnlyList<ReachedCase> Needs { get; } = [ReachedCase.GuestThrottled];
    public override bool IsDrawnFromSeed => true;

    public override void LayOut(ScenarioPlan plan)
    {
        plan.Options = plan.Options with
        {
            RamPages = Pages,
            Frames = 2 * Pages,
            DirtyLog = DirtyLogMode.Bitmap,
            GuestPaceMicroseconds = PaceMicroseconds,
        };
        plan.Before(stage => stage.EnableLogAsync());
        var guest = plan.Vcpu();
        var user = plan.Actor("user");
        if (plan.Random.Chance(0.5))
        {
            for (var page = 0; page < Pages; page++) guest.Write(page);
            user.CheckDirtyLimit(pagesPerSecond: 10 * (1 + plan.Random.Next(20)));
            return;
        }

        for (var read = 0; read < 2 * Pages; read++) guest.Read(read % 2);
        user.CheckThrottle(_percentages[plan.Random.Next(_percentages.Length)]);
    }
}

/// <summary>
/// Claim: a memslot that is created with its log on begins as the VM was told to: every page is in the log under
/// KVM_DIRTY_LOG_INITIALLY_SET, and none otherwise (effect; kvm_prepare_memory_region, kvm-protocol 4.2). Guests write to other memory
/// meanwhile, and its log is switched on. The seed draws the kind of log.
/// </summary>
internal sealed class CreatedLogTakesEffect : Scenario
{
    public override string Name => "created-log-takes-effect";
    public override string Claim => "the log of a new memslot begins with every page under INITIALLY_SET, and with none otherwise";
    public override IReadOnlyList<ReachedCase> Needs { get; } = [ReachedCase.LogReadDirty];
    public override bool IsDrawnFromSeed => true;

    public override void LayOut(ScenarioPlan plan)
    {
        plan.Options = plan.Options with { DirtyLog = (DirtyLogMode)(1 + plan.Random.Next(3)) };
        plan.Vcpu().Write(0).Write(1).Write(0);
        plan.Actor("user").CheckLogOfNewMemslot().CheckLogOfNewMemslot();
        plan.Actor("migration").EnableLog().LogRound();
        plan.After(stage => stage.VerifyLogAsync());
    }
}
