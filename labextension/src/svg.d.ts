/** The bundler hands an SVG file on as its text. */
declare module '*.svg' {
  const text: string;
  export default text;
}
