using Livebed.Kvm.Memslots;

namespace Livebed.Explorer.Scenarios;

/// <summary>
/// Claim: what KVM itself writes for a vCPU (emulation, pvclock) is in the log as the guest's own writes are (S6; B10, CVE-2024-35804). It
/// writes through the host's page table, and no SPTE tells of it: it has to mark the page, after the write (kvm-protocol 4.1).
/// </summary>
internal sealed class SoftwareWrite : Scenario
{
    public override string Name => "software-write";
    public override string Claim => "an emulated write after a page's last copy is in the log";

    public override IReadOnlyList<ScenarioParameter> Parameters =>
    [
        new("rounds", "log rounds while guests write", 2, 1, 8),
    ];

    public override void LayOut(ScenarioPlan plan)
    {
        plan.Options = plan.Options with { DirtyLog = DirtyLogMode.Bitmap };
        plan.Before(stage => stage.TouchRamAsync());
        plan.Before(stage => stage.EnableLogAsync());
        plan.Vcpu().Write(0).Write(1);
        plan.Actor("emulator").SoftwareWrite(0).SoftwareWrite(1);
        var user = plan.Actor("user");
        for (var round = 0; round < plan.Parameter("rounds"); round++) user.LogRound();
        plan.Actor("mm").DontNeed(1);
        plan.After(stage => stage.VerifyLogAsync());
    }
}
