using Livebed.Kvm.Memslots;

namespace Livebed.Explorer.Scenarios;

/// <summary>
/// Claim: the final sync of a switchover, taken when every vCPU has left the guest, has every page that was written since its last copy
/// (S6). Guests write on until they are stopped, and after it (kvm-protocol 4.7, 8).
/// </summary>
internal sealed class FinalSync : Scenario
{
    public override string Name => "final-sync";
    public override string Claim => "the final sync of a switchover misses no write";

    public override void LayOut(ScenarioPlan plan)
    {
        plan.Options = plan.Options with { DirtyLog = DirtyLogMode.Bitmap };
        plan.Before(stage => stage.TouchRamAsync());
        plan.Before(stage => stage.EnableLogAsync());
        plan.Vcpu().Write(0).Write(1).Write(0);
        plan.Vcpu().Write(1).Write(0);
        plan.Actor("user").LogRound().VerifyLog();
    }
}
