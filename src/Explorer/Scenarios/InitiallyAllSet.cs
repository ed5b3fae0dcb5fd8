using Livebed.Kvm.Memslots;

namespace Livebed.Explorer.Scenarios;

/// <summary>
/// Claim: with KVM_DIRTY_LOG_INITIALLY_SET no write is lost, though enabling the log protects nothing: all bits are set, and clear protects
/// (S6). Guests write through SPTEs that were writable before, while the log is switched on and its first rounds run (kvm-protocol 4.2).
/// </summary>
internal sealed class InitiallyAllSet : Scenario
{
    public override string Name => "initially-all-set";
    public override string Claim => "a log that begins with every bit set loses no write";

    public override IReadOnlyList<ScenarioParameter> Parameters =>
    [
        new("rounds", "log rounds while guests write", 2, 1, 8),
    ];

    public override void LayOut(ScenarioPlan plan)
    {
        plan.Options = plan.Options with { DirtyLog = DirtyLogMode.InitiallySet };
        plan.Before(stage => stage.TouchRamAsync());
        plan.Vcpu().Write(0).Write(0).Write(0);
        plan.Vcpu().Write(1).Write(0);
        var user = plan.Actor("user").EnableLog();
        for (var round = 0; round < plan.Parameter("rounds"); round++) user.LogRound();
        plan.After(stage => stage.VerifyLogAsync());
    }
}
