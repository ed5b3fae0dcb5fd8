namespace Livebed.Driver.Terminal;

/// <summary>No progress: standard output is for results.json alone.</summary>
internal sealed class NoProgress : IProgressView, IRunProgress
{
    public Task<T> ShowAsync<T>(Func<IRunProgress, Task<T>> run) => run(this);

    public void Phase(string what)
    {
    }

    public void Report(ProgressSnapshot snapshot)
    {
    }
}
