using Livebed.Driver.Errors;
using Spectre.Console.Rendering;

namespace Livebed.Driver.CommandLine;

/// <summary>Takes out of what a console draws everything that a terminal obeys, except the console's own codes.</summary>
internal sealed class PrintableRendering : IRenderHook
{
    public IEnumerable<IRenderable> Process(RenderOptions options, IEnumerable<IRenderable> renderables) =>
        renderables.Select(renderable => new PrintableRenderable(renderable));

    private sealed class PrintableRenderable(IRenderable inner) : IRenderable
    {
        public Measurement Measure(RenderOptions options, int maxWidth) => inner.Measure(options, maxWidth);

        public IEnumerable<Segment> Render(RenderOptions options, int maxWidth) => inner.Render(options, maxWidth).Select(
            segment => segment.IsControlCode || segment.IsLineBreak ? segment : new Segment(Printable.Of(segment.Text), segment.Style));
    }
}
