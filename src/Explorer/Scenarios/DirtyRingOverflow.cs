using Livebed.Kvm.DirtyLog;
using Livebed.Kvm.Memslots;

namespace Livebed.Explorer.Scenarios;

/// <summary>
/// Claim: a vCPU with a soft-full ring leaves the guest before its next write, so that no entry is ever overwritten (S7). It writes more
/// pages than its ring has entries, the reserved ones included, and only its own exits have the ring reaped (kvm-protocol 4.5).
/// </summary>
internal sealed class DirtyRingOverflow : Scenario
{
    public override string Name => "dirty-ring-overflow";
    public override string Claim => "a vCPU with a full ring leaves the guest before its next write";

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
