import 'uplot/dist/uPlot.min.css';
import './style/base.css';
import './style/parts.css';
import './style/views.css';
import { render } from 'preact';
import { App } from './app';
import { enter } from './data/session';
import { drawVisibly } from './parts/visible';

drawVisibly();
const page = document.getElementById('page');
if (page) render(<App />, page);
void enter();
