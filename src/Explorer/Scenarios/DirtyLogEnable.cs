using Livebed.Kvm.Memslots;

namespace Livebed.Explorer.Scenarios;

/// <summary>
/// Claim: switching a log on and off while guests write loses no write that the log must report, and no operation marks a freed bitmap (S6,
/// S8). Logging is visible before pages are protected, and they are protected before the ioctl returns. A bitmap is freed when no operation
/// can reach it any more (kvm-protocol 4.2, 5).
/// </summary>
internal sealed class DirtyLogEnable : Scenario
{
    public override string Name => "dirty-log-enable";
    public override string Claim => "a log that is switched on and off while guests write loses nothing and is not used when it is gone";

    public override void LayOut(ScenarioPlan plan)
    {
        plan.Options = plan.Options with { DirtyLog = DirtyLogMode.Bitmap };
        plan.Before(stage => stage.TouchRamAsync());
        plan.Vcpu().Write(0).Write(1).Write(0);
        plan.Vcpu().Write(0).Write(0);
        plan.Actor("kswapd").Reclaim(0);
        plan.Actor("user").EnableLog().DisableLog().EnableLog().LogRound();
        plan.After(stage => stage.VerifyLogAsync());
    }
}
