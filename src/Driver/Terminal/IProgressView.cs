namespace Livebed.Driver.Terminal;

/// <summary>Shows the progress of a run for as long as it lasts: on a terminal, as lines, or not at all.</summary>
internal interface IProgressView
{
    Task<T> ShowAsync<T>(Func<IRunProgress, Task<T>> run);
}

/// <summary>No progress: standard output is for results.json alone.</summary>
internal sealed class NoProgress : IProgressView, IRunProgress
{
    public Task<T> ShowAsync<T>(Func<IRunProgress, Task<T>> run) => run(this);

    public void Phase(string what)
    {
    }

    public void Step(int done, int total)
    {
    }

    public void Report(ProgressSnapshot snapshot)
    {
    }
}
