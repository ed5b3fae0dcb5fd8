namespace Livebed.Driver.Terminal;

/// <summary>Shows the progress of a run for as long as it lasts: on a terminal, as lines, or not at all.</summary>
internal interface IProgressView
{
    Task<T> ShowAsync<T>(Func<IRunProgress, Task<T>> run);
}
