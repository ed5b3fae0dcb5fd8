namespace Livebed.Explorer.Kernels;

/// <summary>What plays scripts: the model, or a real kernel.</summary>
public interface IScriptKernel
{
    /// <summary>For reports.</summary>
    string Name { get; }

    /// <summary>Plays a script on a VM of its own.</summary>
    /// <returns>an answer for each step, in order; fewer, or one more, where it came to a violation</returns>
    IReadOnlyList<string> Play(KernelScript script);
}
