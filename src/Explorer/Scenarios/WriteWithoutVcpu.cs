using Livebed.Kvm.DirtyLog;
using Livebed.Kvm.Memslots;

namespace Livebed.Explorer.Scenarios;

/// <summary>
/// Claim: with dirty rings, what KVM writes while no vCPU runs is in the final dirty set too, although no ring is its own (S6; B16,
/// CVE-2021-4095). It goes to a bitmap beside the rings, which the final sync collects (KVM_CAP_DIRTY_LOG_RING_WITH_BITMAP; kvm-protocol
/// 4.1).
/// </summary>
internal sealed class WriteWithoutVcpu : Scenario
{
    public override string Name => "write-without-vcpu";
    public override string Claim => "with rings, a write that no vCPU caused is in the final dirty set";

    public override IReadOnlyList<ScenarioParameter> Parameters =>
    [
        new("rounds", "log rounds while guests write", 2, 1, 8),
    ];

    public override void LayOut(ScenarioPlan plan)
    {
        plan.Options = plan.Options with { DirtyLog = DirtyLogMode.Ring, RingEntries = DirtyRing.Reserved + 2 };
        plan.Before(stage => stage.TouchRamAsync());
        plan.Before(stage => stage.EnableLogAsync());
        plan.Vcpu().Write(0).Write(1);
        plan.Actor("its").SaveTables(0).SaveTables(1);
        var user = plan.Actor("user");
        for (var round = 0; round < plan.Parameter("rounds"); round++) user.LogRound();
        plan.Actor("mm").DontNeed(1);
        plan.After(stage => stage.VerifyLogAsync());
    }
}
