namespace Livebed.Kvm.Tests.Scheduling;

internal enum SimOutcome
{
    /// <summary>Every task came to its end.</summary>
    Completed,

    /// <summary>A check was violated, and the world was told to stop at the first.</summary>
    Violated,

    /// <summary>Nobody can run, nobody waits for a time, and somebody is not done.</summary>
    Stuck,

    /// <summary>The step limit was reached.</summary>
    StepLimit,

    /// <summary>A task threw: a defect of the model or of the test.</summary>
    Failed,
}
