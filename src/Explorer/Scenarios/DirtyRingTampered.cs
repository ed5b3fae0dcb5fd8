using Livebed.Kvm.DirtyLog;
using Livebed.Kvm.Memslots;

namespace Livebed.Explorer.Scenarios;

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
